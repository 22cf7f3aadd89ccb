package drill

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestManyAnswers: thousands of known answers are looked for in one reading of each record's texts: by one reading for
// each this would take ten times as long, and hours on a large store.
func TestManyAnswers(t *testing.T) {
	memory := func(i int) agentstate.Record {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Name: "note", Content: &pb.Memory_Text{Text: fmt.Sprintf("likes tea %05d", i)}}
		for j := range 30 {
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: fmt.Sprint("label ", j), Value: strings.Repeat("x", 20)})
		}
		return m
	}
	const answers, records = 2000, 300
	all := make([]Canary, answers)
	for i := range all {
		all[i] = Canary{Kind: "memory", Path: "text", Contains: fmt.Sprintf("%05d", i)}
	}
	o := newObserver(all)
	began := time.Now()
	for i := range records {
		o.record(memory(i))
	}
	took := time.Since(began)
	for i, n := range o.seen.Canaries {
		if (n == 1) != (i < records) {
			t.Fatalf("%d found %d times", i, n)
		}
	}
	began = time.Now()
	for i := range records {
		r := texts{r: memory(i)}
		r.hold("", "nothing")
	}
	if once := time.Since(began); took > 40*once+time.Second {
		t.Errorf("%d answers: %s, where reading the texts takes %s", answers, took, once)
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
