package drill

import (
	"fmt"
	"slices"
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

// TestAnswersOfARecord: of thousands of known answers a record is compared with its own, under the key that it has in the target.
// A text that is to stand in one record is not found in another.
func TestAnswersOfARecord(t *testing.T) {
	memory := func(id, text string) *pb.Memory {
		return &pb.Memory{Meta: agentstate.Meta("memory", nil, id), Content: &pb.Memory_Text{Text: text}}
	}
	all := []Canary{{Key: "memory/a"}, {Key: "memory/b", Contains: "tea"}, {Kind: "memory", Contains: "milk"}, {Kind: "message", Contains: "tea"}, {Key: "memory/c"}}
	for i := range 5000 {
		all = append(all, Canary{Key: fmt.Sprintf("memory/%d", i)})
	}
	l := newLookup(all)
	if got := l.of(memory("a", ""), true); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("memory/a is compared with %v", got)
	}
	o := newObserver(all)
	o.looked.move(0, "memory/c") // the target's ids are others
	o.looked.move(4, "memory/a")
	for _, m := range []*pb.Memory{memory("a", "likes tea"), memory("b", "likes milk"), memory("4999", "tea")} {
		o.known(m, "memory")
	}
	if got := o.seen.Canaries; !slices.Equal(got[:5], []uint64{0, 0, 1, 0, 1}) || got[len(got)-1] != 1 {
		t.Errorf("found %v", got[:5])
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
