package agentstate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func (s *markSink) Cursor() []byte           { return s.cursor }
func (s *markSink) Tally() *agentstate.Tally { return s.tally }

// wrapped hides what it wraps behind the plain interface, as a progress bar or a limiter does.
type wrapped struct{ agentstate.Source }

func (w wrapped) Unwrap() agentstate.Source { return w.Source }

type wrappedSink struct{ agentstate.Sink }

func (w wrappedSink) Unwrap() agentstate.Sink { return w.Sink }

var (
	errFull = errors.New("disk full")
	errGone = errors.New("connection gone")
)

func memory(name, text string) *pb.Memory {
	return &pb.Memory{
		Meta:    agentstate.Meta("memory", agentstate.Document("row", "", []byte(text)), name),
		Name:    name,
		Content: &pb.Memory_Text{Text: text},
	}
}

func stream(recs ...agentstate.Record) []agentstate.Record {
	n := uint64(0)
	for _, r := range recs {
		if agentstate.KindOf(r) == "memory" {
			n++
		}
	}
	st := &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x")}
	for _, k := range agentstate.StateKinds() {
		f := &pb.KindCompleteness{Kind: k, Class: pb.KindCompleteness_CLASS_ABSENT}
		if k == "memory" {
			f = whole("memory", n, reference(n, "whole file"))
		}
		st.Kinds = append(st.Kinds, f)
	}
	out := append([]agentstate.Record{&pb.Origin{Meta: agentstate.Meta("origin", nil, "x")}}, recs...)
	return append(out, st)
}

func TestCopy(t *testing.T) {
	dst := &sink{}
	seen := 0
	rep, err := agentstate.Copy(t.Context(), dst, &source{recs: stream(memory("a", "1"), memory("b", "2"))},
		&agentstate.CopyOptions{OnRecord: func(agentstate.Record) { seen++ }})
	if err != nil || !dst.committed {
		t.Fatal(err, dst.committed)
	}
	if got := dst.keys(); !slices.Equal(got, []string{"origin/x", "memory/a", "memory/b", "completeness/x"}) {
		t.Error(got) // a mark is not for a plain sink
	}
	if rep.Verdict.Coverage != agentstate.Reconciled || rep.Records["memory"] != 2 || seen != 4 {
		t.Errorf("%v %v %d", rep.Verdict, rep.Records, seen)
	}
}

func TestCopyErrors(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	withBlob := memory("b", "2")
	withBlob.Content = &pb.Memory_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "x"}}}}
	plain := stream(memory("a", "1"), memory("b", "2"))
	for _, c := range []struct {
		name string
		src  agentstate.Source
		dst  agentstate.Sink
		opts agentstate.CopyOptions
		side agentstate.Side
		key  string
		is   error
	}{
		{"source breaks off", &source{recs: plain[:2], fail: errGone}, &sink{}, agentstate.CopyOptions{}, agentstate.FromSource, "memory/a", errGone},
		{"source breaks off at once", &source{fail: errGone}, &sink{}, agentstate.CopyOptions{}, agentstate.FromSource, "", errGone},
		{"sink refuses", &source{recs: plain}, &sink{failPut: "memory/b"}, agentstate.CopyOptions{}, agentstate.ToSink, "memory/b", errFull},
		{"sink cannot commit", &source{recs: plain}, &sink{failEnd: errFull}, agentstate.CopyOptions{}, agentstate.ToSink, "completeness/x", errFull},
		{"transform refuses", &source{recs: plain}, &sink{}, agentstate.CopyOptions{Transform: func(r agentstate.Record) (agentstate.Record, error) {
			if r.GetMeta().Key == "memory/b" {
				return nil, errGone
			}
			return r, nil
		}}, agentstate.FromSource, "memory/b", errGone},
		{"source cannot open its blob", &source{recs: stream(withBlob)}, &blobSink{sink: &sink{}}, agentstate.CopyOptions{}, agentstate.FromSource, "memory/b", agentstate.ErrUnsupported},
		{"source does not know its blob", blobSource{&source{recs: stream(withBlob)}}, &blobSink{sink: &sink{}}, agentstate.CopyOptions{}, agentstate.FromSource, "memory/b", agentstate.ErrNotFound},
		{"sink takes no blobs", blobSource{&source{recs: stream(withBlob)}}, &sink{}, agentstate.CopyOptions{}, agentstate.ToSink, "memory/b", agentstate.ErrUnsupported},
		{"source yields nil", &source{recs: []agentstate.Record{plain[0], nil}}, &sink{}, agentstate.CopyOptions{}, agentstate.FromSource, "origin/x", nil},
		// A source that just stops when it is cancelled must not leave what looks like a whole archive.
		{"cancelled", &source{recs: plain}, &sink{}, agentstate.CopyOptions{OnRecord: func(r agentstate.Record) {
			if r.GetMeta().Key == "completeness/x" {
				cancel()
			}
		}}, agentstate.FromSource, "completeness/x", context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep, err := agentstate.Copy(cancelled, c.dst, c.src, &c.opts)
			var ce *agentstate.CopyError
			if !errors.As(err, &ce) {
				t.Fatalf("error %v", err)
			}
			if ce.Side != c.side || ce.Key != c.key || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v at %q: %v", ce.Side, ce.Key, err)
			}
			if c.key != "" && !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), c.side.String()) {
				t.Errorf("%q names no side or no record", err)
			}
			if rep == nil {
				t.Error("no report")
			}
			s, ok := c.dst.(*sink)
			if !ok {
				s = c.dst.(*blobSink).sink
			}
			if s.committed {
				t.Error("committed")
			}
		})
	}
}

func TestCopyBlobs(t *testing.T) {
	r, _ := blobby()
	recs := stream(r)
	blobs := map[string]string{}
	agentstate.Blobs(r, func(b *pb.Blob) { blobs[b.Id] = "bytes of " + b.Id })
	for _, wrap := range []bool{false, true} {
		var src agentstate.Source = blobSource{&source{recs: recs, blobs: blobs}}
		bs := &blobSink{sink: &sink{}, blobs: map[string]string{}}
		var dst agentstate.Sink = bs
		if wrap { // blobs must not be lost behind a wrapper, or behind two
			src, dst = wrapped{wrapped{src}}, wrappedSink{wrappedSink{dst}}
		}
		if _, err := agentstate.Copy(t.Context(), dst, src, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		var order []string
		agentstate.Blobs(r, func(b *pb.Blob) { order = append(order, b.Id) })
		agentstate.Blobs(bs.recs[1], func(b *pb.Blob) {
			if want := "bytes of " + order[n]; bs.blobs[b.Id] != want {
				t.Errorf("%s holds %q, want %q", b.Id, bs.blobs[b.Id], want)
			}
			n++
		})
		if n != len(blobs) || len(bs.blobs) != n {
			t.Errorf("%d of %d blobs", n, len(blobs))
		}
	}
}

func TestCopyKinds(t *testing.T) {
	recs := stream(memory("a", "1"), &pb.Run{Meta: agentstate.Meta("run", nil, "r")},
		&pb.Gap{Meta: agentstate.Meta("gap", nil, "run", "/x"), Kind: "run"}, &pb.Tombstone{Meta: agentstate.Meta("tombstone", nil, "z")})
	st := recs[len(recs)-1].(*pb.Completeness)
	for _, k := range st.Kinds {
		if k.Kind == "run" {
			*k = pb.KindCompleteness{Kind: "run", Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: 1, Exhausted: true}
			reference(1, "whole file")(k)
		}
	}
	src, dst := &source{recs: recs}, &sink{}
	rep, err := agentstate.Copy(t.Context(), dst, src, &agentstate.CopyOptions{Kinds: []string{"memory"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := dst.keys(); !slices.Equal(got, []string{"origin/x", "memory/a", "gap/run/%2Fx", "tombstone/z", "completeness/x"}) {
		t.Error(got)
	}
	if !slices.Equal(src.reads[0].Kinds, []string{"memory"}) {
		t.Error("the source was not told")
	}
	for _, k := range dst.recs[4].(*pb.Completeness).Kinds {
		want := pb.KindCompleteness_CLASS_ABSENT // what is not there is not left out
		switch k.Kind {
		case "memory":
			want = pb.KindCompleteness_CLASS_ENUMERATED
		case "run":
			want = pb.KindCompleteness_CLASS_EXCLUDED
		}
		if k.Class != want {
			t.Errorf("%s is %v", k.Kind, k.Class)
		}
	}
	if v := rep.Verdict; v.Kinds["run"].Coverage != agentstate.Unknown || v.Kinds["memory"].Coverage != agentstate.Reconciled || v.Coverage != agentstate.Unknown {
		t.Error(v)
	}
}

func TestCopyTransform(t *testing.T) {
	unknown := protoreflect.RawFields{0xf8, 0x06, 1} // field 111
	later := func(name string) *pb.Memory {
		m := memory(name, "secret")
		m.ProtoReflect().SetUnknown(unknown)
		m.Meta.ProtoReflect().SetUnknown(unknown)
		return m
	}
	view := memory("view", "secret")
	view.Meta.Native, view.Meta.ViewOfKeys = nil, []string{"memory/keep"}
	view.ProtoReflect().SetUnknown(unknown)
	dst := &sink{}
	_, err := agentstate.Copy(t.Context(), dst, &source{recs: stream(later("keep"), later("edit"), later("rewrite"), later("drop"), later("nil"), view)},
		&agentstate.CopyOptions{Transform: func(r agentstate.Record) (agentstate.Record, error) {
			m, ok := r.(*pb.Memory)
			if !ok {
				return nil, fmt.Errorf("a %T is no state", r)
			}
			switch m.Name {
			case "edit", "view":
				m.Content = &pb.Memory_Text{Text: "-"}
			case "rewrite":
				m.Content = &pb.Memory_Text{Text: "-"}
				m.Meta.Native[0] = agentstate.Document("row", "", []byte("-"))
			case "drop":
				return nil, nil
			case "nil":
				return (*pb.Memory)(nil), nil
			}
			return m, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if got := dst.keys(); !slices.Equal(got, []string{"origin/x", "memory/keep", "memory/edit", "memory/rewrite", "memory/view", "completeness/x"}) {
		t.Fatal(got)
	}
	for i, want := range []struct {
		native  string
		unknown bool
	}{{"secret", true}, {"", false}, {"-", false}, {"", false}} {
		r := dst.recs[i+1]
		native := ""
		for _, n := range r.GetMeta().Native {
			native = string(n.GetData().GetInline())
		}
		if native != want.native {
			t.Errorf("%s: native is %q, want %q", r.GetMeta().Key, native, want.native)
		}
		got := len(r.ProtoReflect().GetUnknown())+len(r.GetMeta().ProtoReflect().GetUnknown()) > 0
		if got != want.unknown {
			t.Errorf("%s: fields that nobody understands are there: %v", r.GetMeta().Key, got)
		}
	}
}

func TestCopyResume(t *testing.T) {
	recs := stream(memory("a", "1"), memory("b", "2"), memory("c", "3"))
	for cut := 1; cut < len(recs); cut++ {
		first := &markSink{sink: &sink{}}
		rep, err := agentstate.Copy(t.Context(), wrappedSink{first}, &source{recs: recs[:cut], fail: errGone}, nil)
		if !errors.Is(err, errGone) {
			t.Fatal(err)
		}
		second := &markSink{sink: &sink{recs: first.recs}, cursor: first.marks[len(first.marks)-1], tally: &rep.Tally}
		rep, err = agentstate.Copy(t.Context(), wrappedSink{second}, &source{recs: recs}, nil)
		if err != nil || !second.committed {
			t.Fatal(err)
		}
		if got := second.keys(); !slices.Equal(got, []string{"origin/x", "memory/a", "memory/b", "memory/c", "completeness/x"}) {
			t.Errorf("broken after %d: %v", cut, got)
		}
		if rep.Records["memory"] != 3 || rep.Records["origin"] != 1 || rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("broken after %d: %v %v", cut, rep.Records, rep.Verdict)
		}
	}
}

// A second origin after the place where a run broke is new, and is not taken for the first.
func TestCopyResumeSecondOrigin(t *testing.T) {
	recs := []agentstate.Record{
		&pb.Origin{Meta: agentstate.Meta("origin", nil, "x")}, memory("a", "1"),
		&pb.Origin{Meta: agentstate.Meta("origin", nil, "y")}, memory("b", "2"),
	}
	dst := &markSink{sink: &sink{}, cursor: []byte{2}, tally: &agentstate.Tally{Records: map[string]uint64{"origin": 1, "memory": 1}}}
	if _, err := agentstate.Copy(t.Context(), dst, &source{recs: recs}, nil); err != nil {
		t.Fatal(err)
	}
	if got := dst.keys(); !slices.Equal(got, []string{"origin/y", "memory/b"}) {
		t.Error(got)
	}
}

func TestAs(t *testing.T) {
	bs := blobSource{&source{}}
	if _, ok := agentstate.As[agentstate.BlobSource](wrapped{wrapped{bs}}); !ok {
		t.Error("not found behind two wrappers")
	}
	if _, ok := agentstate.As[agentstate.BlobSource](wrapped{&source{}}); ok {
		t.Error("found where there is none")
	}
	if _, ok := agentstate.As[agentstate.Getter](nil); ok {
		t.Error("found on nothing")
	}
	if _, ok := agentstate.As[agentstate.Getter](wrapped{nil}); ok {
		t.Error("found behind an empty wrapper")
	}
	if res := agentstate.ResolverOf(wrapped{bs}); res.OpenBlob == nil || res.Get != nil {
		t.Error("ResolverOf")
	}
}

func TestOf(t *testing.T) {
	src := &source{recs: stream(memory("a", "1"), &pb.Run{Meta: agentstate.Meta("run", nil)}, memory("b", "2")), fail: errGone}
	var got []string
	var last error
	for m, err := range agentstate.Of[*pb.Memory](src.Records(t.Context(), &agentstate.ReadOptions{})) {
		if err != nil {
			last = err
			continue
		}
		got = append(got, m.Name)
	}
	if !slices.Equal(got, []string{"a", "b"}) || !errors.Is(last, errGone) {
		t.Error(got, last)
	}
	for range agentstate.Of[*pb.Memory](src.Records(t.Context(), &agentstate.ReadOptions{})) {
		break // must not panic
	}
}
