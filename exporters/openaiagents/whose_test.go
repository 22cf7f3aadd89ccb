package openaiagents

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// mixed is what Python 0.8.4 leaves where AdvancedSQLiteSession has tables of other names beside the usual ones: what it notes
// refers to the usual ones, and is of the others. Both have a message 1, and a session "both".
func mixed(t *testing.T) *Folder {
	own := pair{"my_sessions", "my_messages"}
	return made(t, slices.Concat(chat(), createPair(plainSQLite, own), createExtra("turn_usage", ownNames()), createExtra("message_structure", ownNames()), []string{
		"INSERT INTO my_sessions (session_id) VALUES ('custom'), ('both')", "INSERT INTO agent_sessions (session_id) VALUES ('both')",
		`INSERT INTO my_messages (session_id, message_data) VALUES ('custom', '{"role":"user","content":"a"}'), ('custom', '{"role":"assistant","content":"b"}'), ('gone', '{}')`,
		"INSERT INTO message_structure (session_id, message_id, message_type, sequence_number) VALUES ('custom', 1, 'user', 1), ('custom', 2, 'assistant', 2), ('good', 1, 'user', 1), ('lost', 9, 'user', 1)",
		"INSERT INTO turn_usage (session_id, user_turn_number) VALUES ('custom', 1), ('good', 1), ('gone', 1), ('both', 1)"})...)
}

// TestWhose: a row of AdvancedSQLiteSession is about the message and the session that it names, in whichever tables they are. So an
// erasure takes what was noted of that session, and leaves what was noted of others.
func TestWhose(t *testing.T) {
	const own = "s.db%23my_messages"
	want := map[string]string{
		"opaque/s.db/message_structure/1": "message/" + own + "/1", "opaque/s.db/message_structure/2": "message/" + own + "/2",
		"opaque/s.db/message_structure/3": "message/s.db/1", "opaque/s.db/message_structure/4": "message/s.db/9",
		"run/s.db/turn_usage/1": "conversation/" + own + "/custom", "run/s.db/turn_usage/2": "conversation/s.db/good",
		"run/s.db/turn_usage/3": "conversation/" + own + "/gone", "run/s.db/turn_usage/4": "conversation/s.db/both",
	}
	src := mixed(t)
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		switch r := r.(type) {
		case *pb.Opaque:
			got = slices.Concat(r.AboutKeys, []string{""})[0]
		case *pb.Run:
			got = r.ConversationKey
		}
		if key := r.GetMeta().Key; got != "" || want[key] != "" {
			if got != want[key] {
				t.Errorf("%s is about %q, want %q", key, got, want[key])
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
	p, err := derive.New(t.Context(), src, derive.Options{Exclude: []string{"conversation/" + own + "/custom"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, rep := drivertest.Export(t, p)
	if rep.Records["run"] != 3 || rep.Records["message"] != 5 {
		t.Errorf("%v, want 3 runs and 5 messages", rep.Records)
	}
	for r, err := range p.Records(t.Context(), nil) {
		if key := r.GetMeta().Key; err != nil || key == "opaque/s.db/message_structure/1" || key == "run/s.db/turn_usage/1" {
			t.Errorf("%s was to go: %v", key, err)
		}
	}
}

// TestWhoseMoved: where the target has other messages under the ids of a session, what was noted of the session follows its own
// messages, not those of the usual tables.
func TestWhoseMoved(t *testing.T) {
	mem, _ := drivertest.Export(t, mixed(t))
	own := pair{"my_sessions", "my_messages"}
	dst := made(t, slices.Concat(createPair(plainSQLite, own), []string{"INSERT INTO my_sessions (session_id) VALUES ('here')",
		`INSERT INTO my_messages (session_id, message_data) VALUES ('here', '{}'), ('here', '{}'), ('here', '{}'), ('here', '{}'), ('here', '{}')`})...)
	apply(t, dst, mem)
	for r, err := range dst.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		o, ok := r.(*pb.Opaque)
		if !ok || o.Meta.Key != "opaque/s.db/message_structure/1" && o.Meta.Key != "opaque/s.db/message_structure/3" {
			continue
		}
		want := map[bool]string{true: "message/s.db%23my_messages/6", false: "message/s.db/1"}[o.Meta.Key == "opaque/s.db/message_structure/1"]
		if !slices.Equal(o.AboutKeys, []string{want}) {
			t.Errorf("%s is about %v, want %s", o.Meta.Key, o.AboutKeys, want)
		}
	}
}
