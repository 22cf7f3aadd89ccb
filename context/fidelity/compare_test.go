package fidelity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestSame(t *testing.T) {
	rep := compare(t, memstate.Sample(4), memstate.Sample(4), nil)
	n := uint64(0)
	for k, v := range rep.Kinds {
		n += v.Records
		if v.Same != v.Records || !agentstate.IsState(k) {
			t.Errorf("%s: %+v", k, v)
		}
	}
	if !rep.Match() || rep.Records != n || rep.Same != n || rep.Grades[fidelity.Exact] != rep.Fields || rep.Fields < 5*n || !rep.Native {
		t.Errorf("%+v", rep)
	}
	if rep.Losses != nil || rep.Missing != nil || rep.Extra != nil {
		t.Errorf("%+v", rep)
	}
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r agentstate.Record) agentstate.Record
		want fidelity.Report // Losses, Missing, Extra
	}{
		{"a record is missing", without("memory/ada/0002"), fidelity.Report{Missing: []string{"memory/ada/0002"}}},
		{"another text", at("memory/ada/0002", func(m *pb.Memory) { m.Content = &pb.Memory_Text{Text: "likes coffee"} }), fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "text", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"a field is dropped, another is made up", at("memory/ada/0002", func(m *pb.Memory) { m.Name, m.TtlMinutes = "", 30 }), fidelity.Report{Losses: []fidelity.Loss{
			{Key: "memory/ada/0002", Path: "name", Grade: fidelity.Dropped, Why: "is not there"},
			{Key: "memory/ada/0002", Path: "ttl_minutes", Grade: fidelity.Defaulted, Why: "was not given"},
		}}},
		{"another order in a list", at("memory/ada/0002", func(m *pb.Memory) { slices.Reverse(m.Tags) }), fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "tags", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"a column of a row: 1e22 as text is not 1e22", at("memory/ada/0002", func(m *pb.Memory) {
			m.Meta.Native[0].GetRow().Columns[2].Value = &pb.Column_Text{Text: []byte("1e+22")}
		}), fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "native.weight", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"null is not empty", at("memory/ada/0002", func(m *pb.Memory) { m.Meta.Native[0].GetRow().Columns[5].Value = &pb.Column_Text{} }), fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "native.none", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"deep inside", at("message/t1/0002", func(m *pb.Message) { m.Parts[1].GetToolCall().ArgumentsJson = []byte(`{"text":"?"}`) }), fidelity.Report{Losses: []fidelity.Loss{{Key: "message/t1/0002", Path: "parts.tool_call.arguments_json", Grade: fidelity.Transformed, Why: "differs"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := compare(t, memstate.Sample(4), with(t, c.edit), nil)
			slices.SortFunc(rep.Losses, func(a, b fidelity.Loss) int { return strings.Compare(a.Path, b.Path) })
			got := fidelity.Report{Losses: rep.Losses, Missing: rep.Missing, Extra: rep.Extra}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if rep.Match() {
				t.Error("is called a match")
			}
			for _, l := range rep.Losses {
				if n := rep.LossN[agentstate.KindOfKey(l.Key)+"."+l.Path]; n != 1 {
					t.Errorf("%v is counted %d times", l, n)
				}
			}
			// And the other way round: what is missing is extra.
			back := compare(t, with(t, c.edit), memstate.Sample(4), nil)
			if len(back.Extra) != len(rep.Missing) || back.Records != rep.Records || len(back.Losses) != len(rep.Losses) {
				t.Errorf("%+v", back)
			}
		})
	}
}

// TestOtherRuntime: between two flavors, native forms are not compared.
func TestOtherRuntime(t *testing.T) {
	got := with(t, func(r agentstate.Record) agentstate.Record {
		if o, ok := r.(*pb.Origin); ok {
			o.Flavor = "another"
		}
		r.GetMeta().Native = nil
		return r
	})
	if rep := compare(t, memstate.Sample(4), got, nil); !rep.Match() || rep.Native {
		t.Errorf("%+v", rep.Losses)
	}
}

func TestOptions(t *testing.T) {
	mapped := func(key string) string { return strings.Replace(key, "memory/ada/", "memory/srv-", 1) }
	got := with(t, func(r agentstate.Record) agentstate.Record {
		switch r := r.(type) {
		case *pb.Memory:
			r.Meta.Key = mapped(r.Meta.Key)
		case *pb.Embedding:
			r.OfKey = mapped(r.OfKey)
		case *pb.Revision:
			r.OfKey = mapped(r.OfKey)
		case *pb.Interrupt:
			r.Question = nil
		case *pb.Message:
			if r.NativeId == "0001" {
				r.NativeId = "srv-1"
			}
		}
		return r
	})
	rep := compare(t, memstate.Sample(4), got, &fidelity.Options{
		Key: mapped,
		Expect: func(r agentstate.Record) fidelity.Expectation {
			if agentstate.KindOf(r) == "interrupt" {
				return fidelity.Ignored
			}
			return fidelity.Required
		},
		Announced: func(key, path string) (fidelity.Grade, string, bool) {
			return fidelity.Transformed, "by the map", key == "message/t1/0001" && path == "native_id"
		},
	})
	if rep.MissingN+rep.ExtraN != 0 || rep.Skipped != 1 || rep.Announced != 1 || rep.Same+1 != rep.Records {
		t.Errorf("%+v", rep)
	}
	if len(rep.Losses) != 1 || rep.Losses[0].Why != "by the map" {
		t.Errorf("%v", rep.Losses)
	}
	// Without the map, the embeddings point elsewhere and the memories are others.
	rep = compare(t, memstate.Sample(4), got, nil)
	if rep.MissingN != 4 || rep.ExtraN != 4 || rep.LossN["embedding.of_key"] != 4 || rep.Kinds["memory"].Missing != 4 {
		t.Errorf("%+v", rep)
	}
	// Control records only on request.
	gap := memstate.New(append(records(t, memstate.Sample(4)), &pb.Gap{Meta: meta("gap", "x"), Kind: "memory"})...)
	if rep := compare(t, gap, memstate.Sample(4), nil); !rep.Match() {
		t.Errorf("%+v", rep)
	}
	if rep := compare(t, gap, memstate.Sample(4), &fidelity.Options{Control: true}); rep.Match() || rep.Missing[0] != "gap/x" {
		t.Errorf("%+v", rep)
	}
}

func TestExpect(t *testing.T) {
	const key = "memory/ada/0002"
	as := map[string]agentstate.Source{
		"alike": memstate.Sample(4),
		"other": with(t, at(key, func(m *pb.Memory) { m.Name = "x" })),
		"gone":  with(t, without(key)),
	}
	for x, want := range map[fidelity.Expectation]map[string]string{
		fidelity.Required: {"alike": "same", "other": "differs", "gone": "missing"},
		fidelity.Optional: {"alike": "same", "other": "differs", "gone": "skipped"},
		fidelity.Ignored:  {"alike": "skipped", "other": "skipped", "gone": "skipped"},
		fidelity.Absent:   {"alike": "extra", "other": "extra", "gone": "skipped"},
	} {
		for name, said := range want {
			rep := compare(t, memstate.Sample(4), as[name], &fidelity.Options{Expect: func(r agentstate.Record) fidelity.Expectation {
				if r.GetMeta().Key == key {
					return x
				}
				return fidelity.Required
			}})
			got := "same"
			switch {
			case rep.MissingN > 0:
				got = "missing"
			case rep.ExtraN > 0:
				got = "extra"
			case rep.Skipped > 0:
				got = "skipped"
			case rep.Same < rep.Records:
				got = "differs"
			}
			if got != said || rep.MissingN+rep.ExtraN+rep.Skipped+rep.Records-rep.Same > 1 {
				t.Errorf("expectation %d, %s: %s, want %s", x, name, got, said)
			}
		}
	}
}

func TestRaised(t *testing.T) {
	for _, edit := range []func(agentstate.Record) agentstate.Record{
		at("message/t1/0001", func(m *pb.Message) { m.Role = pb.Role_ROLE_SYSTEM }),
		at("message/t1/0001", func(m *pb.Message) { m.NativeRole = "developer" }),
		at("message/t1/0003", func(m *pb.Message) { m.Role = pb.Role_ROLE_USER }), // what a tool said is no person's word
		at("memory/ada/0001", func(m *pb.Memory) { m.Form = pb.Memory_FORM_BLOCK }),
	} {
		got := with(t, edit)
		if rep := compare(t, memstate.Sample(4), got, nil); len(rep.Raised) != 1 {
			t.Errorf("%v", rep.Raised)
		}
		if rep := compare(t, got, memstate.Sample(4), nil); len(rep.Raised) != 0 {
			t.Errorf("a fall is called a rise: %v", rep.Raised)
		}
	}
}

// TestRaisedMany: they are counted beyond those that are listed.
func TestRaisedMany(t *testing.T) {
	var want, got []agentstate.Record
	for i := range 1200 {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i))}
		want = append(want, m)
		got = append(got, &pb.Memory{Meta: m.Meta, Form: pb.Memory_FORM_BLOCK})
	}
	if rep := compare(t, memstate.Whole("x", want...), memstate.Whole("x", got...), nil); rep.RaisedN != 1200 || len(rep.Raised) != 1000 {
		t.Errorf("%d, %d listed", rep.RaisedN, len(rep.Raised))
	}
}

// TestRaisedCopy: whichever of the records under one key speaks with more authority, it is seen, and once.
func TestRaisedCopy(t *testing.T) {
	of := func(roles ...pb.Role) stream {
		return made(len(roles), func(i int) agentstate.Record { return &pb.Message{Meta: meta("message", "a"), Role: roles[i]} })
	}
	const user, system = pb.Role_ROLE_USER, pb.Role_ROLE_SYSTEM
	for name, c := range map[string]struct {
		got    stream
		opts   *fidelity.Options
		raised []string
	}{
		"as before":     {of(user, user), nil, nil},
		"behind":        {of(user, system), nil, []string{"message/a"}},
		"in front":      {of(system, user), nil, []string{"message/a"}},
		"more than one": {of(system, user, system, system), nil, []string{"message/a"}},
		"optional":      {of(user, system), expect(fidelity.Optional), []string{"message/a"}},
		"ignored":       {of(user, system), expect(fidelity.Ignored), nil},
	} {
		if d := cmp.Diff(c.raised, compare(t, of(user), c.got, c.opts).Raised); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestErrors(t *testing.T) {
	broken := stream(func(yield func(agentstate.Record, error) bool) { yield(nil, errGone) })
	twice := memstate.Sample(4)
	noBlobs := stream(func(yield func(agentstate.Record, error) bool) {
		yield(&pb.State{Meta: meta("state", "a"), Value: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "x"}}}}, nil)
	})
	for _, c := range []struct {
		want, got agentstate.Source
		say       string
	}{
		{broken, twice, "first state: connection gone"},
		{twice, broken, "second state: connection gone"},
		{noBlobs, twice, "does not open blobs"},
	} {
		if _, err := fidelity.Compare(t.Context(), c.want, c.got, nil); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%v does not say %q", err, c.say)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fidelity.Compare(ctx, twice, twice, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
