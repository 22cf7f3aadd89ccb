package agentcore

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// Exactly what the policies name is called, and nothing else.
func TestPermissionsAreTheLeast(t *testing.T) {
	src := firm(t)
	src.policy("lost-abcdefghij", lost)
	must(src.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &src.mem, ActorId: aws.String("ada"), SessionId: aws.String("s1"), EventId: &src.root}))(t)
	seeded := len(src.fake.Calls())
	st, _ := read(t, src.service(""))
	called(t, "export", src, seeded)

	dst := target(t, agentcorefake.Options{}, true)
	_, j := approved(t, dst.service(""), st)
	// A second run finds what the first wrote, and so does one that goes on.
	again, _ := approved(t, dst.service(""), st)
	for k, rc := range again {
		if rc.Action == replay.Created {
			t.Errorf("created again: %s", k)
		}
	}
	called(t, "replay", dst, 0)
	if n := len(implied("replay")); n != 3 {
		t.Errorf("%d permissions that are no operations", n)
	}

	from := len(dst.fake.Calls())
	rep, err := replay.Undo(t.Context(), dst.service(""), j)
	if err != nil || rep.LeftN > 0 {
		t.Fatalf("undo: %v %v", rep, err)
	}
	called(t, "undo", dst, from)
}

func called(t *testing.T, verb string, w *world, from int) {
	t.Helper()
	var want, got []string
	for _, a := range actions(verb) {
		want = append(want, a...)
	}
	for _, c := range w.fake.Calls()[from:] {
		if c.Op != "GetCallerIdentity" && !slices.Contains(got, c.Op) {
			got = append(got, c.Op)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s calls\n%v\nand the policy names\n%v", verb, got, want)
	}
}
