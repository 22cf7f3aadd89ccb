package exitdrill_test

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exitdrill"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestRedacted: the evidence says what was taken out of records, as the reading of the source counted it.
func TestRedacted(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"redact": "secrets were taken out of 1 places in 1 records", "label": "nothing was taken out", "off": "nobody looked for what to take out",
	} {
		p := newPlace(t)
		p.runtimes["source"].Set(&pb.Message{Meta: agentstate.Meta("message", nil, "t1", "token"), ConversationKey: "conversation/t1",
			Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "use ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6 here"}}}})
		out, err := exitdrill.Run(t.Context(), p.plan("level: L3\n", "level: L1\nsecrets: \""+mode+"\"\n"), &p.opts)
		if err != nil {
			t.Fatal(err)
		}
		if c := check(out, 31); !strings.HasSuffix(c.Why, "; "+want) {
			t.Errorf("%s: %s", mode, c.Why)
		}
	}
}
