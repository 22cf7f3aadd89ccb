package format

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"filippo.io/age"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// corpus is n memories, every tenth with a vector of 1,536 float32, and their size as protobuf.
func corpus(n int) (recs []agentstate.Record, size int64) {
	g := &filler{rand.New(rand.NewPCG(7, 7))}
	for i := range n {
		recs = append(recs, memory(g, i))
		if i%10 == 0 {
			recs = append(recs, &pb.Embedding{Meta: agentstate.Meta("embedding", nil, "s", fmt.Sprint(i)), Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(1536)})
		}
	}
	for _, r := range recs {
		size += int64(proto.Size(r))
	}
	return recs, size
}

const benchRecords = 50_000

func BenchmarkWrite(b *testing.B) {
	recs, size := corpus(benchRecords)
	_, rec := keyPair(b, false)
	for _, c := range []struct {
		name string
		o    WriterOptions
	}{
		{"plain", WriterOptions{}}, {"plain-small", WriterOptions{Small: true}},
		{"age", WriterOptions{Recipients: []age.Recipient{rec}}}, {"plain-one-worker", WriterOptions{Workers: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				var n counting
				write(b, &n, &c.o, recs)
				b.ReportMetric(float64(n)/float64(size), "size/raw")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/record")
		})
	}
}

type counting int64

func (c *counting) Write(p []byte) (int, error) { *c += counting(len(p)); return len(p), nil }

func write(b testing.TB, out io.Writer, o *WriterOptions, recs []agentstate.Record) {
	b.Helper()
	w, err := NewWriter(out, o)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range recs {
		if err := w.Put(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkRead(b *testing.B)   { benchArchive(b, benchRead) }
func BenchmarkVerify(b *testing.B) { benchArchive(b, benchVerify) }
func BenchmarkStored(b *testing.B) { benchArchive(b, benchStored) }
func BenchmarkGet(b *testing.B)    { benchArchive(b, benchGet) }
func BenchmarkOpen(b *testing.B)   { benchArchive(b, benchOpen) }

func benchArchive(b *testing.B, f func(b *testing.B, a []byte, o ReaderOptions, recs []agentstate.Record)) {
	recs, size := corpus(benchRecords)
	id, rec := keyPair(b, false)
	for _, c := range []struct {
		name string
		o    WriterOptions
	}{{"plain", WriterOptions{}}, {"age", WriterOptions{Recipients: []age.Recipient{rec}}}} {
		a := sealed(b, &c.o, recs...)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			f(b, a, ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{id}}, recs)
		})
	}
}

func benchRead(b *testing.B, a []byte, o ReaderOptions, recs []agentstate.Record) {
	for b.Loop() {
		n := 0
		for _, err := range open(b, a, &o).Records(context.Background(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != len(recs) {
			b.Fatalf("%d of %d", n, len(recs))
		}
	}
}

func benchVerify(b *testing.B, a []byte, o ReaderOptions, _ []agentstate.Record) {
	for b.Loop() {
		verify(b, a, &VerifyOptions{ReaderOptions: o})
	}
}

func benchStored(b *testing.B, a []byte, o ReaderOptions, _ []agentstate.Record) {
	for b.Loop() {
		verify(b, a, &VerifyOptions{ReaderOptions: o, StoredOnly: true})
	}
}

func benchGet(b *testing.B, a []byte, o ReaderOptions, recs []agentstate.Record) {
	r := open(b, a, &o)
	g := rand.New(rand.NewPCG(1, 1))
	b.SetBytes(0)
	for b.Loop() {
		if _, err := r.Get(context.Background(), recs[g.IntN(len(recs))].GetMeta().GetKey()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchOpen(b *testing.B, a []byte, o ReaderOptions, _ []agentstate.Record) {
	b.SetBytes(0)
	for b.Loop() {
		if _, err := NewReader(bytes.NewReader(a), int64(len(a)), &o); err != nil {
			b.Fatal(err)
		}
	}
}

// The writer's memory does not grow with the archive: the heap in use, sampled while 200,000
// records go through, stays where it was after the first 50,000.
func TestWriterMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &filler{rand.New(rand.NewPCG(7, 7))}
	var early, late uint64
	for i := range loadtest.Of(100_000, 200_000) {
		if err := w.Put(context.Background(), memory(g, i)); err != nil {
			t.Fatal(err)
		}
		if i%5000 == 4999 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if i < 50_000 {
				early = max(early, m.HeapAlloc)
			}
			late = max(late, m.HeapAlloc)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Logf("live heap: %d MiB after 50,000 records, %d MiB at the end", early>>20, late>>20)
	if late > 96<<20 || late > early+(32<<20) { // a run of the index is 32 MiB when full
		t.Errorf("live heap grows: %d then %d bytes", early, late)
	}
}

// A member costs the writer a row of its ledger until the commit, and nothing beside it: what is
// live is counted while ten stretches of rows fill with shards of one record. The run of the index
// has room for 16,384 records from 4,097 on, so it does not grow meanwhile.
func TestMemberMemory(t *testing.T) {
	w, err := NewWriter(io.Discard, &WriterOptions{ShardSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	g := &filler{rand.New(rand.NewPCG(7, 7))}
	i := 0
	live := func(members int) uint64 {
		for ; w.led.len() < members; i++ {
			if err := w.Put(context.Background(), memory(g, i)); err != nil {
				t.Fatal(err)
			}
			if err := w.pipe.barrier(); err != nil { // the ledger is the pipeline's until then
				t.Fatal(err)
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const n = 10 * ledgerRows
	before := live(5 * ledgerRows)
	grown := int64(live(15*ledgerRows) - before)
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes live for each of %d members", grown/n, n)
	if grown > 160*n {
		t.Errorf("%d bytes live for each of %d members: want a row of %d and little else", grown/n, n, unsafe.Sizeof(row{}))
	}
}

// BenchmarkPipelineEfficiency compares the wall time of a write on two cores with half of the
// time that its stages take one after another on one: Put with nothing behind it, packing, and
// adding members to the container.
func BenchmarkPipelineEfficiency(b *testing.B) {
	recs, size := corpus(benchRecords)
	_, rec := keyPair(b, false)
	o := &WriterOptions{Recipients: []age.Recipient{rec}, Workers: 2}
	b.SetBytes(size)
	var stages, wall time.Duration
	for b.Loop() {
		b.StopTimer()
		stages += stagesAlone(b, o, recs)
		runtime.GC()
		b.StartTimer()
		at := time.Now()
		write(b, io.Discard, o, recs)
		wall += time.Since(at)
	}
	b.ReportMetric(stages.Seconds()/2/wall.Seconds(), "efficiency")
}

func stagesAlone(b *testing.B, o *WriterOptions, recs []agentstate.Record) time.Duration {
	b.Helper()
	w, err := newWriter(o)
	if err == nil {
		err = w.makeKeys()
	}
	if err != nil {
		b.Fatal(err)
	}
	w.start(io.Discard, 0)
	if err := w.pipe.stop(); err != nil {
		b.Fatal(err)
	}
	var jobs []*job
	w.pipe = newPipeline(1, func(_ int, j *job) error {
		c := *j
		c.out = nil
		j.raw = make([]byte, 0, cap(j.raw))
		jobs = append(jobs, &c)
		return nil
	}, func(*job) error { return nil })
	at := time.Now()
	for _, r := range recs {
		if err := w.Put(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		b.Fatal(err)
	}
	put := time.Since(at)
	p := newPacker(w)
	at = time.Now()
	for _, j := range jobs {
		if err := p.pack(j); err != nil {
			b.Fatal(err)
		}
	}
	pack := time.Since(at)
	at = time.Now()
	for _, j := range jobs {
		if err := w.write(j); err != nil {
			b.Fatal(err)
		}
	}
	return put + pack + time.Since(at)
}
