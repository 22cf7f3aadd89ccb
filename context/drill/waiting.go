package drill

import (
	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
)

// mostWaiting is of how many records that wait a plan's questions are kept: as many as a replay names.
const mostWaiting = 1000

// asked is what a drill keeps of a question: none of the scopes, of which a record may have any number, and all of
// what is kept has to be read again where the drill goes on.
type asked struct {
	Key    string `json:"key"`
	Holder string `json:"holder,omitempty"`
	Tool   string `json:"tool,omitempty"`
	Effect string `json:"effect,omitempty"`
	Scopes uint64 `json:"scopes,omitempty"`
	Denied bool   `json:"denied,omitempty"`
}

// asks keeps the questions of a plan.
func (s *state) asks(a replay.Approval) {
	if len(s.Waiting) < mostWaiting {
		s.Waiting = append(s.Waiting, asked{a.Key, a.Principal, a.Tool, a.Effect, uint64(len(a.Before)), a.Denied()})
	}
}

// waiting says of the records under keys, which are off, who has to do what.
func (r *run) waiting(salt evidence.Salt, keys []string) []evidence.Waits {
	known := map[string]*asked{}
	for i := range r.st.Waiting {
		known[r.st.Waiting[i].Key] = &r.st.Waiting[i]
	}
	hide := func(s string) string {
		if s == "" {
			return ""
		}
		return salt.Hide(s)
	}
	var out []evidence.Waits
	for _, key := range keys {
		w := evidence.Waits{ID: salt.Hide(key), Kind: agentstate.KindOfKey(key)}
		a := known[key]
		if a != nil {
			w.Holder, w.Tool, w.Effect, w.Scopes = hide(a.Holder), hide(a.Tool), a.Effect, a.Scopes
		}
		w.Needs = needs(w.Kind, a)
		out = append(out, w)
	}
	return out
}

// needs says who has to do what for a record that is off, in words of no record; a nil: nobody was asked about it.
func needs(kind string, a *asked) string {
	switch {
	case a == nil:
		return "a person, who reads in the journal why it waits"
	case a.Denied:
		return "an approval of what denies the same, or asks first: without that it stays off"
	case kind == "credential":
		return "its holder, to sign in or to enter the secret anew; and an approval, by name and date"
	}
	return "an approval, by name and date"
}
