package format

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"filippo.io/age"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Every kind with every field goes in and comes out as it was, in canonical order, also by key.
func TestRoundTripEveryKind(t *testing.T) {
	recs := everyKind(5, 1)
	b := sealed(t, nil, recs...)
	r := open(t, b, nil)
	got := collect(t, r.Records(context.Background(), nil))
	sameRecords(t, recs, got)
	rank, last := map[string]int{}, -1
	for i, k := range agentstate.Kinds() {
		rank[k] = i
	}
	for _, g := range got {
		if n := rank[agentstate.KindOf(g)]; n < last {
			t.Fatalf("%s out of order", g.GetMeta().GetKey())
		} else {
			last = n
		}
	}
	for _, w := range recs {
		g, err := r.Get(context.Background(), w.GetMeta().GetKey())
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, []agentstate.Record{w}, []agentstate.Record{g})
	}
}

// The bytes that a record comes with are what it is marshalled to; where its vector was cut out, there are none.
func TestWired(t *testing.T) {
	recs := everyKind(5, 1)
	r := open(t, sealed(t, nil, recs...), nil)
	n, with := 0, 0
	for w, err := range r.Wired(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if w.Wire == nil {
			continue
		}
		with++
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(w.Record)
		if err != nil || !bytes.Equal(b, w.Wire) {
			t.Errorf("%s: %v", w.Record.GetMeta().GetKey(), err)
		}
	}
	if n != len(recs) || with < n/2 || with == n {
		t.Errorf("%d of %d records have bytes, of %d", with, n, len(recs))
	}
}

func verify(t testing.TB, b []byte, opts *VerifyOptions) *Verification {
	t.Helper()
	if opts == nil {
		opts = &VerifyOptions{}
	}
	if opts.Policy == nil {
		opts.Policy = IntegrityOnly()
	}
	v, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerify(t *testing.T) {
	b := sealed(t, nil, everyKind(5, 1)...)
	if v := verify(t, b, nil); v.Level != LevelDeep || v.Records["memory"] != 5 || v.Coverage.Coverage != agentstate.Unknown {
		t.Errorf("%+v", v)
	}
	b = sealed(t, nil, state(3000)...)
	v := verify(t, b, nil)
	if v.Coverage.Coverage != agentstate.Reconciled || v.Dangling != 0 || v.Integrity != "INTACT" {
		t.Errorf("%+v", v)
	}
	if v := verify(t, b, &VerifyOptions{StoredOnly: true}); v.Level != LevelStored {
		t.Errorf("%+v", v)
	}
	info, err := Inspect(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	if info.Coverage != "RECONCILED" || info.Records["memory"] != 3000 || len(info.Origins) != 1 || info.Statements[0].Observer != "observer-zq" {
		t.Errorf("%+v", info)
	}
}

func TestCreateAndExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ctxa")
	w, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range state(10) {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Create(path, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v", err)
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, nil); !errors.Is(err, ErrExists) {
		t.Errorf("over an archive: %v", err)
	}
	r, err := Open(path, &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path2 := filepath.Join(t.TempDir(), "y.ctxa")
	rep, err := Export(context.Background(), path2, r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%+v", rep)
	}
	r2, err := Open(path2, &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, state(10), collect(t, r2.Records(context.Background(), nil)))
	if err := errors.Join(r2.Close(), r2.Close()); err != nil { // the second does nothing
		t.Error(err)
	}
	es, err := os.ReadDir(filepath.Dir(path2))
	if err != nil || len(es) != 1 {
		t.Errorf("left behind: %v %v", es, err)
	}
}

// The fast marshalling and the standard one mean the same, whatever is set.
func TestMarshalOracle(t *testing.T) {
	for seed := range uint64(20) {
		for _, r := range everyKind(1, seed) {
			b, err := appendRecord([]byte("before"), r, sizeOf(r))
			if err != nil || string(b[:6]) != "before" {
				t.Fatalf("%s: %v", r.GetMeta().GetKey(), err)
			}
			got := agentstate.New(agentstate.KindOf(r))
			if err := proto.Unmarshal(b[6:], got); err != nil {
				t.Fatal(err)
			}
			sameRecords(t, []agentstate.Record{r}, []agentstate.Record{got})
			if std, err := proto.Marshal(r); err != nil || len(std) != len(b)-6 {
				t.Fatalf("%s: %d bytes, the standard has %d: %v", r.GetMeta().GetKey(), len(b)-6, len(std), err)
			}
		}
	}
	var none *pb.Memory_Text // no generated code makes it
	odd := &pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, Content: none}
	if _, err := appendRecord(nil, odd, sizeOf(odd)); !errors.Is(err, errChanged) {
		t.Errorf("a nil pointer in a oneof: %v", err)
	}
}

// Unknown fields of any message in a record are carried, and looked at before they are.
func TestUnknownFields(t *testing.T) {
	extra := protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 7)
	memory := func() *pb.Memory {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "a"), Content: &pb.Memory_Data{Data: agentstate.Inline("text/plain", []byte("b"))}}
		m.Meta.Labels = []*pb.Label{{Name: "n", Value: "v"}}
		return m
	}
	for name, at := range map[string]func(m *pb.Memory) proto.Message{
		"record": func(m *pb.Memory) proto.Message { return m },
		"meta":   func(m *pb.Memory) proto.Message { return m.Meta },
		"list":   func(m *pb.Memory) proto.Message { return m.Meta.Labels[0] },
		"oneof":  func(m *pb.Memory) proto.Message { return m.GetData() },
	} {
		m := memory()
		at(m).ProtoReflect().SetUnknown(extra)
		e := &pb.Embedding{Meta: agentstate.Meta("embedding", nil, "a"), Element: pb.Embedding_ELEMENT_FLOAT32, Vector: make([]byte, 400)}
		e.ProtoReflect().SetUnknown(extra)
		a := sealed(t, nil, m, e)
		r := open(t, a, &ReaderOptions{Policy: IntegrityOnly()})
		sameRecords(t, []agentstate.Record{m, e}, collect(t, r.Records(context.Background(), nil)))
		if got, err := r.Get(context.Background(), "memory/a"); err != nil || !proto.Equal(got, m) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		verify(t, a, &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly()}})

		bad := memory()
		at(bad).ProtoReflect().SetUnknown([]byte{0xff})
		w, err := NewWriter(io.Discard, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Put(context.Background(), bad); err == nil {
			t.Errorf("%s: unknown fields that are none are taken", name)
		}
		if err := w.Put(context.Background(), m); err != nil {
			t.Errorf("%s: after a refusal: %v", name, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A Reader is used by several goroutines at once.
func TestConcurrentReader(t *testing.T) {
	id, rec := keyPair(t, true)
	recs := everyKind(20, 4)
	b := sealed(t, &WriterOptions{Recipients: []age.Recipient{rec}, ShardSize: 3000}, recs...)
	r := open(t, b, &ReaderOptions{Identities: []age.Identity{id}})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			if g%3 == 0 {
				n := 0
				for _, err := range r.Records(context.Background(), nil) {
					if err != nil {
						t.Error(err)
					}
					n++
				}
				if n != len(recs) {
					t.Errorf("%d of %d", n, len(recs))
				}
				return
			}
			for i := g; i < len(recs); i += 5 {
				got, err := r.Get(context.Background(), recs[i].GetMeta().GetKey())
				if err != nil || !proto.Equal(got, recs[i]) {
					t.Errorf("%s: %v", recs[i].GetMeta().GetKey(), err)
				}
			}
		})
	}
	wg.Wait()
}

// Reading holds a few shards, however long the archive is.
func TestReaderMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	g := &filler{newRand()}
	var out bytes.Buffer
	w, err := NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range loadtest.Of(50_000, 100_000) {
		if err := w.Put(context.Background(), memory(g, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	w = nil
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	r, before, most, n := open(t, out.Bytes(), nil), heap(), uint64(0), 0
	for _, err := range r.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%20_000 == 0 {
			most = max(most, heap())
		}
	}
	t.Logf("%d MiB of archive read with %d MiB", out.Len()>>20, int64(most-before)>>20)
	if most > before+(64<<20) {
		t.Errorf("%d bytes more than before", most-before)
	}
}
