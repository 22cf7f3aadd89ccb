package all

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// said is a word that stands in everything that people, models and tools said, and in no name.
const said = "zq7-said-in-private"

// private is a state in which it is said in every place that a runtime has for words.
func private() *memstate.State {
	m := func(kind string, parts ...string) *pb.Meta { return agentstate.Meta(kind, nil, parts...) }
	text := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	doc := agentstate.Inline("application/json", []byte(`{"text":"`+said+`"}`))
	say := func(id string, at uint64, role pb.Role, parts ...*pb.Part) *pb.Message {
		return &pb.Message{Meta: m("message", "c", id), ConversationKey: "conversation/c", Position: at, Role: role, Parts: parts}
	}
	mem := func(id string) *pb.Memory { return &pb.Memory{Meta: m("memory", "s", id), SpaceKey: "memoryspace/s"} }
	plain, twin, document := mem("1"), mem("2"), mem("3")
	plain.Content, twin.Content, document.Content = &pb.Memory_Text{Text: said}, &pb.Memory_Text{Text: said}, &pb.Memory_Data{Data: doc}
	return memstate.Whole("elsewhere",
		&pb.Conversation{Meta: m("conversation", "c")},
		say("1", 1, pb.Role_ROLE_USER, text(said)), say("2", 2, pb.Role_ROLE_USER, text(said)),
		say("3", 3, pb.Role_ROLE_ASSISTANT, &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Text: said}}}, text(said),
			&pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "call_1", Name: "look", ArgumentsJson: []byte(`{"q":"` + said + `"}`)}}}),
		say("4", 4, pb.Role_ROLE_TOOL, &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "call_1", Name: "look", Output: agentstate.Inline("text/plain", []byte(said))}}}),
		say("5", 5, pb.Role_ROLE_ASSISTANT, &pb.Part{Body: &pb.Part_Refusal{Refusal: said}}, &pb.Part{Body: &pb.Part_Data{Data: doc}}),
		say("6", 6, pb.Role_ROLE_SYSTEM, text(said)),
		&pb.State{Meta: m("state", "c"), ScopeKey: "conversation/c", Value: doc},
		&pb.Interrupt{Meta: m("interrupt", "c"), ConversationKey: "conversation/c", Question: doc, Answer: doc},
		&pb.MemorySpace{Meta: m("memoryspace", "s"), Path: []string{"s"}},
		plain, twin, document,
		&pb.Revision{Meta: m("revision", "s", "1"), OfKey: "memory/s/1", Operation: "UPDATE", Before: doc, After: doc},
		&pb.Entity{Meta: m("entity", "e"), Name: "Ada", Types: []string{"person"}, Observations: []string{said, said, said + " 2"}, Summary: said},
		&pb.Entity{Meta: m("entity", "f"), Name: "Bob", Observations: []string{said}},
		&pb.Relation{Meta: m("relation", "r"), FromKey: "entity/e", ToKey: "entity/f", Type: "knows", Fact: said},
	)
}

// TestSaid: what people said is in no key, plan, journal, report or gap of any runtime, nor is it where
// their state goes on into another one.
func TestSaid(t *testing.T) {
	places := []string{"langgraph+sqlite:target", "claudecode:target", "codex:target", "openaiagents:target", "mcpmemory:target", "mem0:target?flavor=js", "mem0:target?flavor=python"}
	for _, first := range places {
		t.Run(first, func(t *testing.T) {
			between := carriesSaid(t, private(), open(t, first))
			arrived := false
			for r, err := range between.Records(t.Context(), nil) {
				b, merr := proto.Marshal(r)
				if err != nil || merr != nil {
					t.Fatal(err, merr)
				}
				arrived = arrived || bytes.Contains(b, []byte(said))
			}
			if !arrived {
				t.Fatal("it did not arrive, and nothing is shown by that")
			}
			for _, second := range places {
				carriesSaid(t, between, open(t, second))
			}
		})
	}
}

// open opens the place below a new folder.
func open(t *testing.T, place string) exporters.Runtime {
	t.Helper()
	scheme, path, _ := strings.Cut(place, ":")
	rt, err := Registry().Open(t.Context(), scheme+":"+filepath.Join(t.TempDir(), path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

// carriesSaid replays src, reads it back and undoes it, and looks at all that is told of it. It gives what was
// there in between.
func carriesSaid(t *testing.T, src *memstate.State, dst exporters.Runtime) *memstate.State {
	t.Helper()
	look := func(what string, v any, err error) {
		t.Helper()
		b, merr := json.Marshal(v)
		if merr != nil || err != nil && strings.Contains(err.Error(), said) || strings.Contains(string(b), said) {
			t.Errorf("%s: %v %v: %.300s", what, err, merr, b)
		}
	}
	target := dst.(replay.Target)
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	plan, err := replay.Plan(t.Context(), target, src, nil)
	look("plan", plan, err)
	rep, err := replay.Apply(t.Context(), target, src, &replay.Options{Journal: j})
	look("replay", rep, err)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	state := &memstate.State{}
	if rep.Actions[replay.Created] > 0 {
		exported, err := agentstate.Copy(t.Context(), state, dst, nil)
		look("export", exported, err)
	}
	for r, err := range state.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, references(r)...)
	}
	look("keys", keys, nil)
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	if rep.Actions[replay.Created] > 0 {
		look("read-back", back, err)
	}
	undone, err := replay.Undo(t.Context(), target, j)
	look("undo", undone, err)
	lines, err := os.ReadFile(path)
	look("journal", string(lines), err)
	return state
}

// references are the record's key and every key that it names.
func references(r agentstate.Record) (keys []string) {
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			name := string(f.Name())
			isKey := f.Kind() == protoreflect.StringKind && (name == "key" || strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "_keys"))
			switch {
			case f.IsMap():
			case f.IsList() && (isKey || f.Message() != nil):
				for i := range v.List().Len() {
					if x := v.List().Get(i); isKey {
						keys = append(keys, x.String())
					} else {
						walk(x.Message())
					}
				}
			case isKey:
				keys = append(keys, v.String())
			case !f.IsList() && f.Message() != nil:
				walk(v.Message())
			}
			return true
		})
	}
	walk(r.(proto.Message).ProtoReflect())
	return keys
}
