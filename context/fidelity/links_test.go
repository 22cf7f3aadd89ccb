package fidelity_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func msg(c string, n int, parts ...*pb.Part) *pb.Message {
	m := &pb.Message{Meta: agentstate.Meta("message", nil, c, fmt.Sprint(n)), ConversationKey: "conversation/" + c, Position: uint64(n), Parts: parts}
	if n > 1 {
		m.ParentKey = agentstate.Key("message", c, fmt.Sprint(n-1))
	}
	m.Meta.CreatedUnixNano = int64(n) * 1e9
	return m
}

func call(id string) *pb.Part {
	return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: id, Name: "t"}}}
}

func result(id string) *pb.Part {
	return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: id}}}
}

func conv(id string) *pb.Conversation {
	return &pb.Conversation{Meta: agentstate.Meta("conversation", nil, id)}
}

// TestLinks: references and calls are counted in both states, with those whose other end is gone.
func TestLinks(t *testing.T) {
	want := memstate.Whole("x", conv("a"), conv("b"),
		msg("a", 1, call("1"), call("2"), call("3")), msg("a", 2, result("1"), result("2")),
		msg("b", 1, call("3")), msg("b", 2, result("3"), result("9")),
		// A memory names messages that come after it, and one that is gone.
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "m"), SourceKeys: []string{"message/a/1", "message/b/2", "message/gone"}},
	)
	got := memstate.Whole("x", conv("a"), conv("b"),
		msg("a", 1, call("1"), call("2"), call("3")), // its results did not arrive
		msg("b", 1, call("3")), msg("b", 2, result("3"), result("9")), msg("c", 2, call("7")),
		msg("a", 9, result("3")), // which is not of want, and answers a call that is
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "m"), SourceKeys: []string{"message/a/1", "message/b/2", "message/gone"}},
	)
	rep := compare(t, want, got, nil)
	link := func(wt, wr, gt, gr uint64) *fidelity.Link {
		return &fidelity.Link{Want: fidelity.Refs{Total: wt, Resolved: wr}, Got: fidelity.Refs{Total: gt, Resolved: gr}}
	}
	other := func(l *fidelity.Link, total, resolved uint64) *fidelity.Link {
		l.Foreign = fidelity.Refs{Total: total, Resolved: resolved}
		return l
	}
	if d := cmp.Diff(map[string]*fidelity.Link{
		"message.conversation_key": other(link(4, 4, 5, 4), 2, 1), "message.parent_key": other(link(2, 2, 3, 1), 2, 0), "memory.source_keys": link(3, 2, 3, 2),
		fidelity.ToolCalls: other(link(4, 3, 5, 2), 1, 0), fidelity.ToolResults: other(link(4, 3, 3, 2), 1, 1),
	}, rep.Links); d != "" {
		t.Error(d)
	}
	if n := rep.Links[fidelity.ToolCalls].Came().Orphans(); n != 2 {
		t.Errorf("%d calls without a result", n)
	}
}

// TestLinksOfCopies: of the records under one key the first counts, on either side: what a copy names, calls and says
// of its time is no second one. Of what is in one state alone the first counts as well.
func TestLinksOfCopies(t *testing.T) {
	of := func(rs ...agentstate.Record) stream {
		return func(yield func(agentstate.Record, error) bool) {
			for _, r := range rs {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	memory := &pb.Memory{Meta: meta("memory", "a"), SpaceKey: "memoryspace/gone"}
	late, early := msg("c", 2, call("1"), result("2")), msg("c", 1)
	late.ParentKey, early.ParentKey = "", ""
	links := map[string]uint64{"memory.space_key": 1, "message.conversation_key": 2, fidelity.ToolCalls: 1, fidelity.ToolResults: 1}
	once := of(memory, late, early)
	twice := of(memory, late, early, memory, late, early, memory, late, early)
	for name, c := range map[string]struct {
		want, got stream
		in, out   uint64 // how often what it names counts
	}{
		"once":     {once, once, 1, 1},
		"of got":   {once, twice, 1, 1},
		"of want":  {twice, once, 1, 1},
		"of both":  {twice, twice, 1, 1},
		"not due":  {of(), twice, 0, 1},
		"gone all": {twice, of(), 1, 0},
	} {
		rep := compare(t, c.want, c.got, nil)
		want := map[string]*fidelity.Link{}
		for name, n := range links {
			want[name] = &fidelity.Link{Want: fidelity.Refs{Total: c.in * n}, Got: fidelity.Refs{Total: c.out * n}}
			if c.in == 0 {
				want[name].Foreign = want[name].Got
			}
		}
		if d := cmp.Diff(want, rep.Links); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if x := rep.Times; x.WantInversions != c.in || x.GotInversions != c.in*c.out { // those of others are none of want's
			t.Errorf("%s: %+v", name, x)
		}
	}
}

// TestManyConversations: the calls of conversations whose messages are mixed pair all the same, and
// memory does not grow with their number.
func TestManyConversations(t *testing.T) {
	var recs []agentstate.Record
	for i := range 500 {
		c := fmt.Sprint(i)
		recs = append(recs, conv(c))
		recs = append(recs, msg(c, 1, call("x")), msg(c, 2, result("x")))
	}
	rep := compare(t, memstate.Whole("x", recs...), memstate.Whole("x", recs...), nil)
	for name, l := range rep.Links {
		if l.Want != l.Got || l.Want.Orphans() != 0 || l.Want.Total < 500 {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestTimes(t *testing.T) {
	at := func(m *pb.Message, ns int64) *pb.Message { m.Meta.CreatedUnixNano = ns; return m }
	want := memstate.Whole("x", conv("a"), conv("b"), msg("a", 1), msg("a", 2), msg("a", 3), at(msg("a", 4), 0), msg("b", 1))
	got := memstate.Whole("x", conv("a"), conv("b"), msg("a", 1), at(msg("a", 2), 5e9), at(msg("a", 3), 1e9), at(msg("a", 4), 7), at(msg("b", 1), 0),
		conv("theirs"), at(msg("theirs", 1), 2), at(msg("theirs", 2), 1), at(msg("theirs", 3), 2)) // was there before
	rep := compare(t, want, got, nil)
	if d := cmp.Diff(fidelity.Times{Records: 4, Kept: 1, Lost: 1, Shift: 3 * time.Second, ShiftOf: "message/a/2", GotInversions: 2}, rep.Times); d != "" {
		t.Error(d)
	}
}

// TestForms: the same value in another form is equivalent, and another value is not.
func TestForms(t *testing.T) {
	text := func(s string) agentstate.Record {
		return &pb.Memory{Meta: agentstate.Meta("memory", nil, "m"), Content: &pb.Memory_Text{Text: s}}
	}
	data := func(s string) agentstate.Record {
		return &pb.Memory{Meta: agentstate.Meta("memory", nil, "m"), Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(s))}}
	}
	args := func(s string) agentstate.Record {
		return &pb.Message{Meta: agentstate.Meta("message", nil, "m"), Parts: []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{ArgumentsJson: []byte(s)}}}}}
	}
	for name, c := range map[string]struct {
		want, got agentstate.Record
		grade     fidelity.Grade
	}{
		"composed":            {text("Gro\u0308ße"), text("Größe"), fidelity.Equivalent},
		"kelvin":              {text("K"), text("\u212a"), fidelity.Equivalent},
		"other text":          {text("Größe"), text("Grösse"), fidelity.Transformed},
		"ligature":            {text("ﬁne"), text("fine"), fidelity.Transformed}, // NFKC alone would have it so
		"spaces and order":    {data(`{"a":1,"b":[1,2]}`), data("{ \"b\" : [1, 2],\n\"a\":1 }"), fidelity.Equivalent},
		"order of a list":     {data(`[1,2]`), data(`[2,1]`), fidelity.Transformed},
		"numbers":             {data(`[1.0,1e2,-0.50,0.0,120e-1]`), data(`[1,100,-5e-1,-0,12]`), fidelity.Equivalent},
		"big integers":        {data(`12345678901234567890`), data(`12345678901234567891`), fidelity.Transformed},
		"beyond a double":     {data(`9007199254740993`), data(`9007199254740992`), fidelity.Transformed},
		"big, other form":     {data(`12345678901234567890`), data(`12345678901234567890.0`), fidelity.Equivalent},
		"beyond all":          {data(`1e400`), data(`10e399`), fidelity.Equivalent},
		"escapes":             {data(`"\u00e9\n\ud83d\ude00\/"`), data("\"é\\n😀/\""), fidelity.Equivalent},
		"half a pair":         {data(`"\ud800"`), data(`"\ud801"`), fidelity.Transformed},
		"half a pair, kept":   {data(`"\ud800"`), data(`"\uD800"`), fidelity.Equivalent},
		"number and text":     {data(`1`), data(`"1"`), fidelity.Transformed},
		"twice":               {data(`{"a":1,"a":2}`), data(`{"a":2,"a":1}`), fidelity.Transformed},
		"names":               {data(`{"a":1,"ab":2}`), data(`{"ab":2,"a":1}`), fidelity.Equivalent},
		"no JSON":             {data(`{`), data(`{ `), fidelity.Transformed},
		"arguments":           {args(`{"x":1.0}`), args(`{ "x":1}`), fidelity.Equivalent},
		"arguments, not same": {args(`{"x":1.0}`), args(`{"x":1.1}`), fidelity.Transformed},
	} {
		for _, get := range []bool{true, false} {
			w, g := agentstate.Source(memstate.Whole("x", c.want)), agentstate.Source(memstate.Whole("y", c.got))
			if !get {
				w, g = noKeys{w}, noKeys{g}
			}
			rep := compare(t, w, g, nil)
			if len(rep.Losses) != 1 || rep.Losses[0].Grade != c.grade || rep.Same != 0 || (rep.Equivalent == 1) != (c.grade == fidelity.Equivalent) || rep.Announced != rep.Equivalent {
				t.Errorf("%s: want %s, got %+v", name, c.grade, rep)
			}
			if n := rep.Grades[fidelity.Exact] + rep.Grades[c.grade]; n != rep.Fields {
				t.Errorf("%s: %d of %d fields have a grade", name, n, rep.Fields)
			}
		}
	}
}

// noKeys has no access by key.
type noKeys struct{ agentstate.Source }

func (n noKeys) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if s, ok := agentstate.As[agentstate.BlobSource](n.Source); ok {
		return s.OpenBlob(ctx, b)
	}
	return nil, agentstate.ErrUnsupported
}

// TestLinksBroken: of what leads nowhere, that which led to a record that was to come is told apart, whichever of the two
// is read first.
func TestLinksBroken(t *testing.T) {
	mem := func(id string) *pb.Memory {
		return &pb.Memory{Meta: agentstate.Meta("memory", nil, id), SourceKeys: []string{"message/a/1", "message/a/2", "message/a/3", "message/gone"}}
	}
	want := memstate.Whole("x", conv("a"), mem("1"), msg("a", 1), msg("a", 2), msg("a", 3), mem("2"))
	got := memstate.Whole("x", conv("a"), mem("1"), msg("a", 1), mem("2"), mem("other"))
	rep := compare(t, want, got, &fidelity.Options{Expect: func(r agentstate.Record) fidelity.Expectation {
		if r.GetMeta().Key == "message/a/3" {
			return fidelity.Ignored
		}
		return fidelity.Required
	}})
	if n := rep.Links["memory.source_keys"].Broken; n != 2 {
		t.Errorf("%d, want 2: %+v", n, rep.Links["memory.source_keys"])
	}
}
