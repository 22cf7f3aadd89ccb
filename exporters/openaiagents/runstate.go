package openaiagents

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/internal/lazyre"
	"github.com/exitramp/exitramp/internal/plainjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A runDoc is what is read of a RunState, in the names of both languages.
type runDoc struct {
	version, agent string
	want           string // the versions that are supported, if this one is not
	waiting        []approval
	remote         string // the conversation, or the response before this one, that the provider keeps; empty: none
	sandboxes      []sandboxState
	exposed        []string // environment variables of sandboxes, with their values
	chained        bool     // Python chains its responses, also of a run that begins: nobody can tell whether it did
}

// An approval is a call that waits for a person.
type approval struct {
	call, agent, server string
	by                  string          // agent, or what tells it from another of its name
	tools               []string        // the names under which rulings of its tool stand
	raw                 json.RawMessage // the call
	answer              []byte          // what a person has said of it, as JSON; nil: nothing yet
	owned               bool            // what is said of every call counts of its own agent alone
	blanket             bool            // what is said of every call counts before what is said of this one
	function            bool            // it is a call of a function
}

// ownedSince is the first 1.x schema of Python that keeps answers to calls of functions for each agent. What
// older ones kept of every call of a function it does not heed: nobody knows whose it was.
const ownedSince = 18

// exactPython and exactJavaScript are the first 1.x schemas of releases to which what was said of one call counts before what
// was said of every call of its tool. Older ones heed every call first: they run a call that was rejected where all were approved.
const (
	exactPython     = 16
	exactJavaScript = 19
)

// insideSince is the first 1.x schema of Python that keeps what was said of calls of an agent that is a tool in the run state of that
// agent, which lies inside its caller's. What the caller's says of every call of a tool is not of theirs.
const insideSince = 15

// mostInside is how many run states may lie inside of each other: each is read once for every one that it lies in.
const mostInside = 16

func readRunState(b []byte) (*runDoc, error) { return runStateAt(b, 0) }

// runStateAt is the run state b, which lies in so many others.
func runStateAt(b []byte, depth int) (*runDoc, error) {
	var o responses.Object
	b = plainjson.QuoteWords(b)
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("not JSON at byte %d", offset(err))
	}
	d := &runDoc{version: responses.Plain(o[schemaVersion])}
	d.want = supported(b, d.version)
	var agent, step, data responses.Object
	json.Unmarshal(responses.First(o, "current_agent", "currentAgent"), &agent)
	d.agent = responses.Plain(agent["name"])
	for _, names := range [][2]string{{"conversation_id", "conversationId"}, {"previous_response_id", "previousResponseId"}} {
		d.remote = cmp.Or(d.remote, responses.Plain(responses.First(o, names[0], names[1])))
	}
	d.sandboxes, d.exposed = sandboxes(o["sandbox"]), inClear(o["sandbox"])
	d.chained = string(o["auto_previous_response_id"]) == "true" && responses.Plain(o["conversation_id"]) == ""
	json.Unmarshal(responses.First(o, "current_step", "currentStep"), &step)
	json.Unmarshal(step["data"], &data)
	var list []responses.Object
	json.Unmarshal(data["interruptions"], &list)
	ruled, inside := index(rulings(o["context"])), nested(o["last_processed_response"], depth+1)
	minor, _ := strconv.Atoi(strings.TrimPrefix(d.version, "1."))
	for _, i := range list {
		var raw responses.Object
		var agent agentName
		json.Unmarshal(responses.First(i, "raw_item", "rawItem"), &raw)
		json.Unmarshal(i["agent"], &agent)
		a := approval{
			call: responses.Plain(responses.First(raw, "call_id", "callId", "id")), tools: tools(i, raw),
			agent: agent.Name, by: agent.id(), server: serverOf(raw), raw: responses.First(i, "raw_item", "rawItem"),
		}
		a.function = responses.Plain(raw["type"]) == "function_call"
		a.owned = a.function && i["raw_item"] != nil && minor >= ownedSince
		if a.blanket = minor < exactPython; i["raw_item"] == nil {
			a.blanket = minor < exactJavaScript
		}
		said, its := inside[[2]string{a.by, a.call}]
		if a.answer = said; !its || minor < insideSince {
			a.answer = answer(ruled, &a)
		}
		d.waiting = append(d.waiting, a)
	}
	return d, nil
}

// nested are the calls that wait in runs of agents that are tools of this one, by agent and id, and what was said of them there.
func nested(processed json.RawMessage, depth int) map[[2]string][]byte {
	if depth > mostInside {
		return nil
	}
	var p struct {
		Functions []struct {
			State json.RawMessage `json:"agent_run_state"`
		} `json:"functions"`
	}
	json.Unmarshal(processed, &p)
	out := map[[2]string][]byte{}
	for _, f := range p.Functions {
		if d, err := runStateAt(f.State, depth); err == nil {
			for _, a := range d.waiting {
				out[[2]string{a.by, a.call}] = a.answer
			}
		}
	}
	return out
}

func offset(err error) int64 {
	if se, ok := err.(*json.SyntaxError); ok {
		return se.Offset
	}
	return 0
}

// runDocs are the run states in a document, of which short is what is left when its long texts are cut.
func runDocs(b, short []byte) (docs []*runDoc, err error) {
	found, err := states(short)
	if len(short) < len(b) && bytes.Contains(b, []byte(`\"`+schemaVersion)) { // one that a text holds may be cut with the text
		found, err = states(b)
		for i, x := range found {
			found[i] = responses.Shorten(x)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, x := range found {
		d, err := readRunState(x)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// runState are the records of a file with a run state: the document, and what waits in it. A program may
// have wrapped it, or several, into a document of its own.
func (r *reading) runState(f *document, b []byte) error {
	short := responses.Shorten(b)
	docs, err := runDocs(b, short)
	if err != nil {
		return r.gaps(gap("state", f.rel, 1, err))
	}
	if b = f.withoutKeys(b); f.secrets {
		short = responses.Shorten(b)
	}
	key := agentstate.Key("state", f.rel)
	// The bytes are in the record once: its native form cites them.
	n := &pb.Native{Type: "runstate", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "file", Value: &pb.Column_At{At: "#value"}}}}}}
	s := &pb.State{Meta: agentstate.Meta("state", n, f.rel), Scope: "run", Value: f.native("", b).GetData()}
	for _, d := range docs {
		s.Meta.Labels = append(s.Meta.Labels, &pb.Label{Name: schemaVersion, Value: valid(d.version)})
		if d.agent != "" {
			s.Meta.Labels = append(s.Meta.Labels, &pb.Label{Name: "agent", Value: valid(d.agent)})
		}
	}
	if err := r.key(f); err != nil {
		return err
	}
	r.n["state"]++
	if err := r.put(s); err != nil {
		return err
	}
	r.out.Note(exposed(f.rel, docs)...)
	if err := r.gaps(elsewhere(f.rel, docs)...); err != nil {
		return err
	}
	if err := r.kept(f, short, key, ""); err != nil {
		return err
	}
	seen := map[string]bool{}
	for no, d := range docs {
		if d.want != "" {
			if !r.out.Gap(&pb.Gap{Kind: "interrupt", Place: f.rel, Reason: pb.Gap_REASON_CORRUPT, Count: 1,
				Detail: fmt.Sprintf("$schemaVersion: found %.20q, supported %s: the file is carried as it is, what waits in it is not read", d.version, d.want)}) {
				return r.out.Err()
			}
			continue
		}
		for i, a := range d.waiting {
			id := a.call
			if id == "" || seen[id] {
				id = "#" + strconv.Itoa(i)
			}
			if seen[id] { // of another run of the same file
				id = fmt.Sprintf("#%d.%d", no, i)
			}
			seen[id] = true
			if err := r.put(a.record(key, f.rel, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// elsewhere names what runs go on with and no run state holds.
func elsewhere(rel string, docs []*runDoc) []*pb.Gap {
	return append(remote(rel, docs), workspaces(rel, docs)...)
}

// remote names the conversations that runs go on in and that the provider keeps, not this folder. What a
// run itself said is here, but when it goes on only what is new is sent.
func remote(rel string, docs []*runDoc) []*pb.Gap {
	seen := map[string]bool{"": true}
	var ids []string
	sure, before := 0, "what was said before this run, if anything,"
	for _, d := range docs {
		if seen[d.remote] {
			continue
		}
		seen[d.remote] = true
		if ids = append(ids, d.remote); !d.chained {
			sure++
			before = "what was said before this run"
		}
	}
	if len(ids) == 0 {
		return nil
	}
	g := gap("conversation", rel, uint64(sure), fmt.Errorf("%s is kept by the provider, not here (%.200s): the run goes on with the provider alone; to leave, read those items there", before, strings.Join(ids, ", ")))
	g.Reason = pb.Gap_REASON_GONE
	return []*pb.Gap{g}
}

// record is the record of an approval that waits in the run state under key.
func (a *approval) record(key, rel, id string) agentstate.Record {
	t := &pb.Interrupt{Meta: agentstate.Meta("interrupt", nil, rel, id), NativeId: a.call, ToolCallId: a.call, AskedBy: a.agent,
		Question: question(a.raw), Options: []string{"approve", "reject"}, Status: pb.Interrupt_STATUS_OPEN}
	if t.Meta.ViewOfKeys = []string{key}; a.answer != nil {
		t.Status, t.Answer = pb.Interrupt_STATUS_ANSWERED, agentstate.Inline("application/json", a.answer)
	}
	return t
}

// question is the call that waits, where it fits in a record; it stands in the run state anyway.
func question(raw json.RawMessage) *pb.Data {
	if len(raw) > agentstate.SpillSize {
		return &pb.Data{MediaType: "application/json"}
	}
	return agentstate.Inline("application/json", bytes.Clone(raw))
}

// tracingKey is the API key that a program may ask the SDK to write into a run state: the same name
// in both languages, at any depth, since a run of an agent as a tool lies inside that of its caller.
// There, in JavaScript, it is a text in a text, as a program's own document may have it: its quotes are
// escaped, once a level.
var (
	tracingKey = lazyre.New(`("tracing_api_key"\s*:\s*)"(?:[^"\\]|\\.)*"`)
	deepKey    = lazyre.New(`(\\+"tracing_api_key\\+"\s*:\s*)\\+"[^"\\]*\\+"`)
)

// withoutKeys takes keys out of a document, and notes whether there were any.
func (d *document) withoutKeys(b []byte) []byte {
	b, n := withoutKeys(b)
	d.secrets = n > 0
	return b
}

// key says that a key was taken out of a document.
func (r *reading) key(f *document) error {
	if !f.secrets {
		return nil
	}
	c := &pb.Credential{Meta: agentstate.Meta("credential", nil, f.rel, "trace.tracing_api_key"), Name: "tracing_api_key", Form: "api_key", Provider: "openai",
		Location: valid(f.rel) + " trace.tracing_api_key", Rebind: "give the key to the program that resumes the run; the run state stands without it"}
	r.n["credential"]++
	return r.put(c)
}

// withoutKeys takes such keys out of a run state. What binds calls to their arguments is untouched.
func withoutKeys(b []byte) (_ []byte, n int) {
	for _, x := range []*regexp.Regexp{tracingKey(), deepKey()} {
		if found := len(x.FindAllIndex(b, -1)); found > 0 {
			b, n = x.ReplaceAll(b, []byte("${1}null")), n+found
		}
	}
	return b, n
}

// The newest schema that each SDK writes, both from 1.0 on: Python 0.24.0 and JavaScript 0.20.0.
const (
	newestPython     = 21
	newestJavaScript = 22
)

// supported tells which versions this release reads, if v is none of them; empty: it is one.
func supported(b []byte, v string) string {
	name, newest := "Python", newestPython
	var o struct {
		Camel json.RawMessage `json:"currentAgent"`
	}
	if json.Unmarshal(b, &o) == nil && o.Camel != nil {
		name, newest = "JavaScript", newestJavaScript
	}
	minor, ok := strings.CutPrefix(v, "1.")
	if n, err := strconv.Atoi(minor); ok && err == nil && n >= 0 && n <= newest && strconv.Itoa(n) == minor {
		return ""
	}
	return fmt.Sprintf("1.0 to 1.%d (%s)", newest, name)
}
