package codex

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/images"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An items makes messages of the lines of one rollout, in order.
type items struct {
	rel, conversation string
	of                string // the conversation in whose file the line stands
	prefix            string // of ids that are made of its number
	edited            bool   // else context holds the last message alone
	seen              map[string]bool
	position          uint64
	context           []string        // keys of what the model sees
	turns             []int           // where in it a person spoke, or another agent
	said              []int           // where a person did
	notes             map[string]bool // keys of what the program says before a turn
	base, summed      int             // of context and turns, how much a compaction put there
	put               func(*pb.Message) error
}

func newItems(f *homefiles.File, edited bool, put func(*pb.Message) error) *items {
	return &items{rel: strings.TrimSuffix(f.Rel, ".jsonl"), conversation: keyOf(f.Rel), edited: edited, seen: map[string]bool{}, notes: map[string]bool{}, put: put}
}

// view are the keys of what the model sees of a rollout, the last of all, that was compacted or rolled
// back.
func view(all []*segment) ([]string, error) {
	x := newItems(all[len(all)-1].f, true, func(*pb.Message) error { return nil })
	bad := func(int, pb.Gap_Reason, string) error { return nil } // named when the lines are read
	err := x.walk(all, bad, func(_ *segment, no int, l *line) error { return x.line(no, l) })
	return x.context, err
}

// lines yields the messages and grants of a rollout, the last of all; those before it are read as far
// as it goes on from them.
func (r *reading) lines(all []*segment) error {
	own := all[len(all)-1]
	f := own.f
	x := newItems(f, edited(all), func(m *pb.Message) error { return r.put(m) })
	granted := map[string]bool{}
	bad := func(no int, reason pb.Gap_Reason, why string) error {
		return r.gap(&pb.Gap{Kind: "message", Place: f.Rel + " line " + strconv.Itoa(no), Reason: reason, Detail: why + "; the file itself is carried whole", Count: 1})
	}
	return x.walk(all, bad, func(s *segment, no int, l *line) error {
		if l.typ.Is("turn_context") {
			if s != own {
				return nil
			}
			return r.grant(f, own.key, l.payload, granted)
		}
		return x.line(no, l)
	})
}

func (x *items) line(no int, l *line) error {
	switch {
	case l.typ.Is("response_item"):
		return x.item(l, l.payload, no, 0)
	case l.typ.Is(interAgent):
		return x.item(l, agentMessage(l.payload), no, 0)
	case l.typ.Is("compacted"):
		return x.compacted(no, l)
	case l.rolledBack():
		n, err := strconv.Atoi(string(l.payload.Get("num_turns")))
		if err != nil || n <= 0 || len(x.turns) == 0 {
			return nil
		}
		x.rollback(n)
		return x.none(no, l, "thread_rolled_back")
	}
	return nil
}

// interAgent is the type of lines in which older releases write what agents say to each other.
const interAgent = "inter_agent_communication"

// agentSaid is the type of items of newer ones: Codex counts each as a turn, as what a person says.
const agentSaid = "agent_message"

// agentMessage is the payload of such a line as the item that newer releases write.
func agentMessage(payload jsonvalue.Value) jsonvalue.Value {
	var content, more []string
	payload.Members(func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "content":
			if v.IsText() && len(v) > len(`""`) {
				content = append(content, `{"type":"input_text","text":`+string(v)+`}`)
			}
		case "encrypted_content":
			if v.IsText() {
				content = append(content, `{"type":"encrypted_content","encrypted_content":`+string(v)+`}`)
			}
		case "id", "author", "recipient":
			more = append(more, `"`+string(name)+`":`+string(v)+`,`)
		}
	})
	return jsonvalue.Value(`{"type":"` + agentSaid + `",` + strings.Join(more, "") + `"content":[` + strings.Join(content, ",") + `]}`)
}

// rollback takes the last n turns out of view, with what the program says before the first of them, where a turn is
// before that. Where that is more than there are since a compaction,
// Codex shows the model nothing of what stood before it either.
func (x *items) rollback(n int) {
	n = max(0, len(x.turns)-n)
	if n < x.summed {
		end := len(x.context)
		if x.summed < len(x.turns) {
			end = x.turns[x.summed]
		}
		x.context, x.turns, x.said, x.base, x.summed = slices.Clone(x.context[x.base:end]), nil, nil, 0, 0
		return
	}
	cut := x.turns[n]
	for cut > x.turns[0] && x.notes[x.context[cut-1]] {
		cut--
	}
	x.context, x.turns = x.context[:cut], x.turns[:n]
	x.said = x.said[:sort.SearchInts(x.said, len(x.context))]
}

// none is a note of the program where the model sees nothing any more: a view without a key would mean
// all that is there.
func (x *items) none(no int, l *line, what string) error {
	if len(x.context) > 0 {
		return nil
	}
	m := homefiles.NewMessage(x.of)
	m.NativeRole = what
	return x.message(l, m, no, 0, voice{})
}

// compacted is a line whose items the model sees in the place of all before it. Older releases wrote
// a summary alone, which stands behind what a person said.
func (x *items) compacted(no int, l *line) error {
	if history := l.payload.Get("replacement_history"); history.IsList() {
		x.context, x.turns, x.said = nil, nil, nil
		n := 0
		var err error
		history.Elements(func(v jsonvalue.Value) {
			if n++; err == nil {
				err = x.item(l, v, no, n)
			}
		})
		if err != nil {
			return err
		}
		x.base, x.summed = len(x.context), len(x.turns)
		return x.none(no, l, "compacted")
	}
	// What a person said before an earlier one stands at the front already, however much it is.
	front := sort.Search(len(x.said), func(i int) bool { return x.said[i] > i })
	for i := front; i < len(x.said); i++ {
		x.context[i], x.said[i] = x.context[x.said[i]], i
	}
	x.context, x.turns = x.context[:len(x.said)], append(x.turns[:front], x.said[front:]...)
	x.base, x.summed = 0, 0
	m := homefiles.NewMessage(x.of)
	m.Role, m.NativeRole = pb.Role_ROLE_USER, "compacted"
	s := valid(l.payload.Get("message").Text())
	if len(s) <= agentstate.SpillSize {
		m.Parts = homefiles.TextPart(s)
	}
	return x.message(l, m, no, 0, voice{person: true, summary: strings.HasPrefix(s, summary)})
}

// item is an item of the Responses API, in line no; in a compaction, the n-th of it.
func (x *items) item(l *line, raw jsonvalue.Value, no, n int) error {
	m := homefiles.NewMessage(x.of)
	responses.Read(m, raw)
	person := m.Role == pb.Role_ROLE_USER
	program := notes(m)
	is := voice{}
	if x.edited {
		is = voice{person: person && !program, note: program || beforeTurn(m), agent: toAgent(m)}
	}
	calls(m, raw)
	if len(raw) > maxParts { // too much for a record
		m.Parts = []*pb.Part{{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "application/json"}}}}
	}
	return x.message(l, m, no, n, is)
}

// summary is how releases since late 2025 begin one: Codex knows it by that, and lets it go at the next compaction. One of
// those before stays there as what a person said.
const summary = "Another language model started to solve this problem and produced a summary of its thinking process."

// A voice is who speaks in a message: a person or another agent, where a turn starts, or the program before one. What
// stands where a person speaks may be a summary.
type voice struct{ person, agent, note, summary bool }

// message yields a message.
func (x *items) message(l *line, m *pb.Message, no, n int, is voice) error {
	id := m.NativeId
	if id == "" || x.seen[id] {
		id = x.prefix + "line " + strconv.Itoa(no)
		if l.nth > 0 {
			id += "+" + strconv.Itoa(l.nth)
		}
		if n > 0 {
			id += "." + strconv.Itoa(n)
		}
	}
	x.seen[id] = true
	x.position++
	m.Meta.CreatedUnixNano, m.ConversationKey = timeOf(l.timestamp), x.conversation
	m.Meta.Key, m.Position = agentstate.Key("message", x.rel, id), x.position
	if k := len(x.context); k > 0 {
		m.ParentKey = x.context[k-1]
	}
	switch {
	case !x.edited:
		x.context = append(x.context[:0], m.Meta.Key)
	default:
		if is.person && !is.summary {
			x.said = append(x.said, len(x.context))
		}
		if is.person || is.agent {
			x.turns = append(x.turns, len(x.context))
		}
		if is.note {
			x.notes[m.Meta.Key] = true
		}
		x.context = append(x.context, m.Meta.Key)
	}
	return x.put(m)
}

// calls tells of a call what only Codex writes so: the server of a tool beside its name, a command of the
// older kind, whose result is that of any other call, and a result that is texts in a list.
func calls(m *pb.Message, raw jsonvalue.Value) {
	if len(m.Parts) != 1 {
		return
	}
	switch c, r := m.Parts[0].GetToolCall(), m.Parts[0].GetToolResult(); {
	case r.GetOutput().GetMediaType() == "application/json":
		list, ok := images.Result(r.Output.GetInline())
		if !ok || images.HasImage(list) {
			return
		}
		var texts []string
		for _, p := range list {
			texts = append(texts, p.Text)
		}
		r.Output = agentstate.Inline("text/plain", []byte(strings.Join(texts, "\n")))
	case c != nil:
		if server := raw.Get("namespace").Text(); server != "" {
			c.Name = server + "__" + c.Name
		}
	case m.NativeRole == "local_shell_call" && raw.Get("call_id").IsText() && len(raw) <= agentstate.SpillSize:
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: raw.Get("call_id").Text(), Name: "local_shell", ArgumentsJson: bytes.Clone(raw.Get("action"))}}}}
	}
}

// rolledBack tells whether the line takes turns back. Such lines are short, and there are many others.
func (l *line) rolledBack() bool {
	return l.typ.Is("event_msg") && len(l.payload) < 1000 && l.payload.Get("type").Is("thread_rolled_back")
}
