package fidelity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func meta(kind string, parts ...string) *pb.Meta { return agentstate.Meta(kind, nil, parts...) }

func compare(t testing.TB, want, got agentstate.Source, o *fidelity.Options) *fidelity.Report {
	t.Helper()
	rep, err := both(t, want, got, o)
	if err != nil {
		t.Fatal(err)
	}
	sum := uint64(0)
	for _, n := range rep.Grades {
		sum += n
	}
	if sum != rep.Fields {
		t.Errorf("%d fields, and the grades add up to %d: %v", rep.Fields, sum, rep.Grades)
	}
	byField, announced := map[fidelity.Grade]uint64{}, uint64(0)
	for kind, paths := range rep.FieldN {
		for path, grades := range paths {
			lost := uint64(0)
			for g, n := range grades {
				if byField[g] += n; g != fidelity.Exact {
					lost += n
				}
			}
			if lost != rep.LossN[kind+"."+path] {
				t.Errorf("%s.%s: %v, and LossN says %d", kind, path, grades, rep.LossN[kind+"."+path])
			}
		}
	}
	for _, k := range rep.Kinds {
		announced += k.Announced
	}
	if d := cmp.Diff(rep.Grades, byField); d != "" && rep.Fields > 0 || announced != rep.Announced {
		t.Error("the kinds do not add up:", d, announced, rep.Announced)
	}
	return rep
}

// both compares at a glance where that can be done, and field by field, and wants one report.
func both(t testing.TB, want, got agentstate.Source, o *fidelity.Options) (*fidelity.Report, error) {
	t.Helper()
	rep, err := fidelity.Compare(t.Context(), want, got, o)
	slow, slowErr := fidelity.Compare(t.Context(), noKeys{want}, got, o) // which flattens every record
	if fmt.Sprint(err) != fmt.Sprint(slowErr) {
		t.Errorf("at a glance %v, field by field %v", err, slowErr)
	}
	if d := cmp.Diff(slow, rep, anyOrder()); d != "" {
		t.Errorf("at a glance it is another report: %s", d)
	}
	return rep, err
}

// anyOrder lets losses stand in any order, and does not count on others than the first thousand.
func anyOrder() cmp.Option {
	return cmp.Transformer("sort", func(ls []fidelity.Loss) map[fidelity.Loss]int {
		out := map[fidelity.Loss]int{}
		if len(ls) == 1000 {
			out[fidelity.Loss{}] = 1000
			return out
		}
		for _, l := range ls {
			out[l]++
		}
		return out
	})
}

// records are the records of s.
func records(t testing.TB, s agentstate.Source) []agentstate.Record {
	t.Helper()
	var out []agentstate.Record
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// with is the sample, and its blobs, with some records changed.
func with(t testing.TB, edit func(r agentstate.Record) agentstate.Record) agentstate.Source {
	t.Helper()
	base := memstate.Sample(4)
	var rs []agentstate.Record
	for _, r := range records(t, base) {
		if r = edit(r); r != nil {
			rs = append(rs, r)
		}
	}
	return edited{memstate.New(rs...), base}
}

type edited struct {
	*memstate.State
	base *memstate.State
}

func (e edited) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return e.base.OpenBlob(ctx, b)
}

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

// TestEveryFieldIsSeen changes every field of every record in turn: none may pass.
func TestEveryFieldIsSeen(t *testing.T) {
	base := memstate.Sample(3)
	defer base.Close()
	n := 0
	for _, r := range records(t, base) {
		if !agentstate.IsState(agentstate.KindOf(r)) {
			continue
		}
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range fields(b, nil) {
			changed := agentstate.New(agentstate.KindOf(r))
			if err := proto.Unmarshal(cut, changed); err != nil || changed.GetMeta().GetKey() != r.GetMeta().Key {
				continue // its key is gone: another record
			}
			if proto.Equal(unplaced(r), unplaced(changed)) {
				continue // where a blob lies is not what it holds
			}
			n++
			rep, err := both(t, one(base, r), one(base, changed), nil)
			if errors.Is(err, agentstate.ErrUnsupported) {
				continue // a piece or a value that is none
			}
			if err != nil {
				t.Fatal(err)
			}
			if rep.Match() || len(rep.Losses) == 0 || rep.Losses[0].Key != r.GetMeta().Key {
				t.Fatalf("a field of %s is gone, and nobody notices: %v, %v", r.GetMeta().Key, r, changed)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d fields were tried", n)
	}
}

func unplaced(r agentstate.Record) agentstate.Record {
	c := proto.Clone(r).(agentstate.Record)
	agentstate.Blobs(c, func(b *pb.Blob) { proto.Reset(b) })
	return c
}

// one is r alone, with what it may refer to in base.
func one(base *memstate.State, r agentstate.Record) agentstate.Source {
	cited, err := base.Get(context.Background(), "channelvalue/t1/x/1")
	if err != nil || agentstate.KindOf(r) == "channelvalue" {
		cited = &pb.State{Meta: meta("state", "other")}
	}
	return edited{memstate.New(&pb.Origin{Meta: meta("origin", "x")}, cited, r), base}
}

// fields are copies of the message b, each without one field, at any depth.
func fields(b []byte, wrap func([]byte) []byte) [][]byte {
	if wrap == nil {
		wrap = func(b []byte) []byte { return b }
	}
	var out [][]byte
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return nil
		}
		m := protowire.ConsumeFieldValue(num, typ, b[at+n:])
		if m < 0 {
			return nil
		}
		before, value, after := b[:at], b[at+n:at+n+m], b[at+n+m:]
		out = append(out, wrap(slices.Concat(before, after)))
		if typ == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(value)
			out = append(out, fields(inner, func(x []byte) []byte {
				return wrap(slices.Concat(before, protowire.AppendBytes(protowire.AppendTag(nil, num, typ), x), after))
			})...)
		}
		at += n + m
	}
	return out
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r agentstate.Record) agentstate.Record
		want fidelity.Report // Losses, Missing, Extra
	}{
		{"a record is missing", func(r agentstate.Record) agentstate.Record {
			if r.GetMeta().Key == "memory/ada/0002" {
				return nil
			}
			return r
		}, fidelity.Report{Missing: []string{"memory/ada/0002"}}},
		{"another text", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0002" {
				m.Content = &pb.Memory_Text{Text: "likes coffee"}
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "text", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"a field is dropped, another is made up", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0002" {
				m.Name, m.TtlMinutes = "", 30
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{
			{Key: "memory/ada/0002", Path: "name", Grade: fidelity.Dropped, Why: "is not there"},
			{Key: "memory/ada/0002", Path: "ttl_minutes", Grade: fidelity.Defaulted, Why: "was not given"},
		}}},
		{"another order in a list", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0002" {
				slices.Reverse(m.Tags)
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "tags", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"a column of a row", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0002" { // 1e22 as text is not 1e22
				m.Meta.Native[0].GetRow().Columns[2].Value = &pb.Column_Text{Text: []byte("1e+22")}
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "native.weight", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"null is not empty", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0002" {
				m.Meta.Native[0].GetRow().Columns[5].Value = &pb.Column_Text{}
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{{Key: "memory/ada/0002", Path: "native.none", Grade: fidelity.Transformed, Why: "differs"}}}},
		{"deep inside", func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0002" {
				m.Parts[1].GetToolCall().ArgumentsJson = []byte(`{"text":"?"}`)
			}
			return r
		}, fidelity.Report{Losses: []fidelity.Loss{{Key: "message/t1/0002", Path: "parts.tool_call.arguments_json", Grade: fidelity.Transformed, Why: "differs"}}}},
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

// TestSameBytesElsewhere: what lies inline here and in a blob there, or is cited here and repeated
// there, is the same.
func TestSameBytesElsewhere(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	blobs := memstate.New()
	var blob pb.Blob
	if err := blobs.PutBlob(t.Context(), &blob, strings.NewReader(long)); err != nil {
		t.Fatal(err)
	}
	undigested := &pb.Blob{Id: blob.Id} // as a runtime gives it
	value := func(d *pb.Data, col *pb.Column) agentstate.Record {
		col.Name = "value"
		return &pb.ChannelValue{
			Meta:  &pb.Meta{Key: "channelvalue/x", Native: []*pb.Native{{Type: "blobs", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{col}}}}}},
			Value: d,
		}
	}
	inline, ref := agentstate.Inline("", []byte(long)), &pb.Data{Body: &pb.Data_Blob{Blob: undigested}}
	own := &pb.Column{Value: &pb.Column_At{At: "#value"}}
	for name, r := range map[string]agentstate.Record{
		"inline, repeated":         value(inline, &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long)}}),
		"inline, cited":            value(inline, proto.Clone(own).(*pb.Column)),
		"blob, cited":              value(ref, proto.Clone(own).(*pb.Column)),
		"blob, cited by its key":   value(ref, &pb.Column{Value: &pb.Column_At{At: "channelvalue/x#value"}}),
		"digested blob, another":   value(&pb.Data{Body: &pb.Data_Blob{Blob: &blob}}, &pb.Column{Value: &pb.Column_BlobRef{BlobRef: &blob}}),
		"in pieces":                value(inline, pieces(false, long[:500], "#value", "", "")),
		"in pieces, one is a blob": value(inline, &pb.Column{Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: []*pb.Piece{{Body: &pb.Piece_Blob{Blob: undigested}}}}}}),
	} {
		t.Run(name, func(t *testing.T) {
			want := edited{memstate.New(value(inline, &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long)}})), blobs}
			rep := compare(t, want, edited{memstate.New(r), blobs}, &fidelity.Options{})
			if name == "in pieces" { // this one has 500 bytes more
				if rep.Match() == rep.Native {
					t.Errorf("%+v", rep)
				}
				return
			}
			if !rep.Match() {
				t.Errorf("%+v", rep.Losses)
			}
			// One byte more, and it is another.
			want.State = memstate.New(value(agentstate.Inline("", []byte(long+"!")), &pb.Column{Value: &pb.Column_Blob{Blob: []byte(long + "!")}}))
			if rep := compare(t, want, edited{memstate.New(r), blobs}, nil); rep.Match() {
				t.Error("other bytes are called the same")
			}
		})
	}
}

// pieces is a column that is literal a, what at cites, literal b, what at2 cites.
func pieces(text bool, a, at, b, at2 string) *pb.Column {
	var ps []*pb.Piece
	for i, s := range []string{a, at, b, at2} {
		switch {
		case s == "":
		case i%2 == 0:
			ps = append(ps, &pb.Piece{Body: &pb.Piece_Literal{Literal: []byte(s)}})
		default:
			ps = append(ps, &pb.Piece{Body: &pb.Piece_At{At: s}})
		}
	}
	return &pb.Column{Name: "doc", Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: ps, Text: text}}}
}

// TestOtherCitations: documents that are cut up differently, and say the same.
func TestOtherCitations(t *testing.T) {
	blobs := memstate.New()
	var blob pb.Blob
	if err := blobs.PutBlob(t.Context(), &blob, strings.NewReader("[1,2]")); err != nil {
		t.Fatal(err)
	}
	state := func(col *pb.Column) edited {
		return edited{memstate.New(
			&pb.Origin{Meta: meta("origin", "x"), Product: "x", Flavor: "y"},
			&pb.ChannelValue{Meta: meta("channelvalue", "a"), Value: agentstate.Inline("", []byte("[1,2]"))},
			&pb.ChannelValue{Meta: meta("channelvalue", "b"), Value: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: blob.Id}}}},
			&pb.Checkpoint{Meta: &pb.Meta{Key: "checkpoint/1", Native: []*pb.Native{{Type: "checkpoints", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{col}}}}}}},
		), blobs}
	}
	whole := &pb.Column{Name: "doc", Value: &pb.Column_Text{Text: []byte(`{"a":[1,2],"b":[1,2]}`)}}
	for _, c := range []struct {
		name      string
		want, got *pb.Column
		match     bool
	}{
		{"alike", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), true},
		{"here one, there the other", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), pieces(true, `{"a":[1,2],"b":`, "channelvalue/b#value", `}`, ""), true},
		{"here two, there none", pieces(true, `{"a":`, "channelvalue/a#value", `,"b":`, "channelvalue/b#value"), whole, false},
		{"here one, there none", pieces(true, `{"a":`, "channelvalue/b#value", `,"b":[1,2]}`, ""), whole, true},
		{"none here, one there", whole, pieces(true, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), true},
		{"text here, a blob there", whole, pieces(false, `{"a":`, "channelvalue/a#value", `,"b":[1,2]}`, ""), false},
		{"a blank more", whole, pieces(true, `{"a": `, "channelvalue/a#value", `,"b":[1,2]}`, ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, g := state(c.want), state(c.got)
			for i, pair := range [][2]agentstate.Source{{w, g}, {w, noKeys{g}}, {noKeys{w}, g}, {noKeys{w}, noKeys{g}}} {
				rep := compare(t, pair[0], pair[1], nil)
				if rep.Match() != c.match || rep.Records != 3 {
					t.Errorf("%d: %+v", i, rep)
				}
			}
		})
	}
	// What is cited and is not there is an error with its name.
	_, err := fidelity.Compare(t.Context(), state(whole), state(pieces(true, "", "channelvalue/gone#value", "", "")), nil)
	if !errors.Is(err, agentstate.ErrNotFound) || !strings.Contains(err.Error(), "channelvalue/gone") {
		t.Error(err)
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
		"other": with(t, func(r agentstate.Record) agentstate.Record {
			if m, ok := r.(*pb.Memory); ok && m.Meta.Key == key {
				m.Name = "x"
			}
			return r
		}),
		"gone": with(t, func(r agentstate.Record) agentstate.Record {
			if r.GetMeta().Key == key {
				return nil
			}
			return r
		}),
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
	for _, edit := range []func(r agentstate.Record){
		func(r agentstate.Record) {
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0001" {
				m.Role = pb.Role_ROLE_SYSTEM
			}
		},
		func(r agentstate.Record) {
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0001" {
				m.NativeRole = "developer"
			}
		},
		func(r agentstate.Record) { // what a tool said is no person's word
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0003" {
				m.Role = pb.Role_ROLE_USER
			}
		},
		func(r agentstate.Record) {
			if m, ok := r.(*pb.Memory); ok && m.Name == "0001" {
				m.Form = pb.Memory_FORM_BLOCK
			}
		},
	} {
		got := with(t, func(r agentstate.Record) agentstate.Record { edit(r); return r })
		if rep := compare(t, memstate.Sample(4), got, nil); len(rep.Raised) != 1 {
			t.Errorf("%v", rep.Raised)
		}
		if rep := compare(t, got, memstate.Sample(4), nil); len(rep.Raised) != 0 {
			t.Errorf("a fall is called a rise: %v", rep.Raised)
		}
	}
}

// TestRaisedCopy: whichever of the records under one key speaks with more authority, it is seen, and once.
func TestRaisedCopy(t *testing.T) {
	of := func(roles ...pb.Role) stream {
		return func(yield func(agentstate.Record, error) bool) {
			for _, r := range roles {
				if !yield(&pb.Message{Meta: meta("message", "a"), Role: r}, nil) {
					return
				}
			}
		}
	}
	const user, system = pb.Role_ROLE_USER, pb.Role_ROLE_SYSTEM
	as := func(x fidelity.Expectation) *fidelity.Options {
		return &fidelity.Options{Expect: func(agentstate.Record) fidelity.Expectation { return x }}
	}
	for name, c := range map[string]struct {
		got    stream
		opts   *fidelity.Options
		raised []string
	}{
		"as before":     {of(user, user), nil, nil},
		"behind":        {of(user, system), nil, []string{"message/a"}},
		"in front":      {of(system, user), nil, []string{"message/a"}},
		"more than one": {of(system, user, system, system), nil, []string{"message/a"}},
		"optional":      {of(user, system), as(fidelity.Optional), []string{"message/a"}},
		"ignored":       {of(user, system), as(fidelity.Ignored), nil},
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

// TestTwice: what comes twice under one key ends nothing. It is counted, and named where one was due; the first
// of two is compared.
func TestTwice(t *testing.T) {
	of := func(ids ...string) stream {
		return func(yield func(agentstate.Record, error) bool) {
			for i, id := range ids {
				m := &pb.Memory{Meta: meta("memory", id), Name: id}
				if slices.Contains(ids[:i], id) {
					m.Name = "another one"
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
	absent := &fidelity.Options{Expect: func(agentstate.Record) fidelity.Expectation { return fidelity.Absent }}
	ignored := &fidelity.Options{Expect: func(agentstate.Record) fidelity.Expectation { return fidelity.Ignored }}
	for name, c := range map[string]struct {
		want, got stream
		opts      *fidelity.Options
		kind      fidelity.Kind
		twice     []string
	}{
		"of neither": {of("a"), of("a"), nil, fidelity.Kind{Records: 1, Same: 1}, nil},
		"of others":  {of("a"), of("a", "b", "c", "b", "b"), nil, fidelity.Kind{Records: 1, Same: 1, Extra: 4, Duplicates: 2}, nil},
		"of got":     {of("a", "b"), of("a", "b", "a", "a"), nil, fidelity.Kind{Records: 2, Same: 2, Extra: 2, Duplicates: 2, Copies: 2}, []string{"memory/a", "memory/a"}},
		"of want":    {of("a", "b", "a"), of("a", "b"), nil, fidelity.Kind{Records: 2, Same: 2, Missing: 1}, []string{"memory/a"}},
		"of both":    {of("a", "a"), of("a", "a"), nil, fidelity.Kind{Records: 1, Same: 1, Missing: 1, Extra: 1, Duplicates: 1, Copies: 1}, []string{"memory/a", "memory/a"}},
		"two in one": {of("a", "b"), of("a"), &fidelity.Options{Key: func(string) string { return "memory/a" }}, fidelity.Kind{Records: 1, Same: 1, Missing: 1}, []string{"memory/a"}},
		"forbidden":  {of("a"), of("a", "a"), absent, fidelity.Kind{Extra: 2, Duplicates: 1, Copies: 1, Forbidden: 2}, []string{"memory/a"}},
		"ignored":    {of("a"), of("a", "a"), ignored, fidelity.Kind{Skipped: 1}, nil},
	} {
		rep := compare(t, c.want, c.got, c.opts)
		if d := cmp.Diff(&c.kind, rep.Kinds["memory"]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(c.twice, rep.Twice); d != "" || rep.TwiceN != uint64(len(c.twice)) || rep.Match() != (c.kind.Same == c.kind.Records && c.twice == nil) {
			t.Errorf("%s: %d, match %v: %s", name, rep.TwiceN, rep.Match(), d)
		}
	}
}

// TestManyTwice: where so many differ that the first state is read once more, the first of two is compared, too.
func TestManyTwice(t *testing.T) {
	half := 1100
	twice := func(name string) stream {
		return func(yield func(agentstate.Record, error) bool) {
			for i := range 2 * half {
				m := &pb.Memory{Meta: meta("memory", fmt.Sprint(i%half)), Name: name}
				if i >= half {
					m.Name += " another"
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
	rep := compare(t, keyed{twice("a\u0308")}, twice("\u00e4"), nil)
	if rep.Records != 1100 || rep.Equivalent != 1100 || rep.TwiceN != 2200 || len(rep.Twice) != 1000 || rep.MissingN != 1100 || rep.ExtraN != 1100 {
		t.Errorf("%d twice, %+v", rep.TwiceN, rep.Kinds["memory"])
	}
}

// keyed is a stream with access by key: the first record of it.
type keyed struct{ stream }

func (s keyed) Get(ctx context.Context, key string) (agentstate.Record, error) {
	for r, err := range s.Records(ctx, nil) {
		if err != nil || r.GetMeta().GetKey() == key {
			return r, err
		}
	}
	return nil, agentstate.ErrNotFound
}

var errGone = errors.New("connection gone")

type stream func(yield func(agentstate.Record, error) bool)

func (s stream) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return iter.Seq2[agentstate.Record, error](s)
}

// many is a state of n memories that is made as it is read.
func many(n int, differ int) stream {
	return func(yield func(agentstate.Record, error) bool) {
		for i := range n {
			m := &pb.Memory{
				Meta: agentstate.Meta("memory", agentstate.Document("row", "", fmt.Appendf(nil, `{"id":%d,"text":"some text of an ordinary length, number %d"}`, i, i)), fmt.Sprint(i)),
				Name: fmt.Sprint(i), Form: pb.Memory_FORM_SEMANTIC, Content: &pb.Memory_Text{Text: fmt.Sprintf("some text of an ordinary length, number %d", i)},
				Tags: []string{"a", "b"},
			}
			m.Meta.CreatedUnixNano = int64(i) + 1
			if differ > 0 && i%differ == 0 {
				m.Name = "other"
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// TestMany: lists stay short, counts are of all, and memory does not follow the size.
func TestMany(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 10_000
	}
	rep := compare(t, many(n, 0), many(n-3000, 7), nil)
	differ := uint64((n-3000-1)/7 + 1)
	if rep.MissingN != 3000 || len(rep.Missing) != 1000 || rep.LossN["memory.name"] != differ || len(rep.Losses) != 1000 || rep.Same+differ != rep.Records {
		t.Errorf("%d missing, %d listed; %v, %d listed; %d of %d", rep.MissingN, len(rep.Missing), rep.LossN, len(rep.Losses), rep.Same, rep.Records)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 200<<20 {
		t.Errorf("%d MiB", m.Sys>>20)
	}
}

func BenchmarkCompare(b *testing.B) {
	for b.Loop() {
		compare(b, many(100_000, 0), many(100_000, 0), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/record")
}
