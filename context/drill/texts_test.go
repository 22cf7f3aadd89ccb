package drill

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// counted is a memory that counts how often its fields were asked for.
type counted struct {
	*pb.Memory
	n *int
}

func (c counted) ProtoReflect() protoreflect.Message {
	*c.n++
	return c.Memory.ProtoReflect()
}

// TestManyAnswers: thousands of known answers are looked for in one reading of each record's texts: by one reading for
// each this takes hours on a large store.
func TestManyAnswers(t *testing.T) {
	const records = 20
	reads := map[int]int{} // by the number of answers
	for _, answers := range []int{1, 500} {
		all := make([]Canary, answers)
		for i := range all {
			all[i] = Canary{Kind: "memory", Path: "text", Contains: fmt.Sprintf("%05d", i)}
		}
		o, n := newObserver(all), 0
		for i := range records {
			m := &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Content: &pb.Memory_Text{Text: fmt.Sprintf("likes tea %05d", i)}}
			o.known(counted{m, &n}, "memory")
		}
		for i, seen := range o.seen.Canaries {
			if (seen == 1) != (i < records) {
				t.Fatalf("%d found %d times", i, seen)
			}
		}
		reads[answers] = n
	}
	if reads[1] == 0 || reads[500] != reads[1] {
		t.Errorf("%d records were read %d times for one answer, %d times for 500", records, reads[1], reads[500])
	}
}

// TestHold: a text is looked for at its path and below it, and nowhere else.
func TestHold(t *testing.T) {
	m := &pb.Message{Meta: agentstate.Meta("message", nil, "a"), Role: pb.Role_ROLE_USER, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "order 1"}}}}
	for path, want := range map[string]bool{"": true, "parts": true, "parts.text": true, "part": false, "parts.tex": false, "native_id": false, "parts.text.x": false} {
		x := texts{r: m}
		if got := x.hold(path, "order 1"); got != want {
			t.Errorf("%q: want %v, got %v", path, want, got)
		}
	}
}
