package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"filippo.io/age"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The same records with the same Seed and Created give the same bytes, whatever the number of
// workers; another Seed gives others.
func TestReproducible(t *testing.T) {
	o := WriterOptions{Seed: []byte("secret"), Created: time.Unix(1_790_000_000, 0), ShardSize: 4096, Workers: 1}
	a := sealed(t, &o, state(500)...)
	o.Workers = 5
	b := sealed(t, &o, state(500)...)
	o.Seed = []byte("other")
	c := sealed(t, &o, state(500)...)
	if !bytes.Equal(a, b) || bytes.Equal(b, c) {
		t.Errorf("equal: %v, different: %v", bytes.Equal(a, b), !bytes.Equal(b, c))
	}
}

// A kind that this build does not know is carried byte for byte, and never counted as covered.
func TestUnknownKind(t *testing.T) {
	raw := func(key string) []byte {
		b := protowire.AppendTag(nil, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key))
		b = protowire.AppendString(protowire.AppendTag(b, 900, protowire.BytesType), "of a later release")
		return protowire.AppendVarint(protowire.AppendTag(b, 7, protowire.VarintType), 42)
	}
	var recs []agentstate.Record
	for i := range 30 {
		u := &pb.Unknown{}
		if err := proto.Unmarshal(raw(fmt.Sprintf("hologram/%d", i)), u); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, u)
	}
	recs = append(recs, state(5)...)
	b := sealed(t, nil, recs...)
	v := verify(t, b, nil)
	if v.Unknown != 30 || v.Coverage.Coverage != agentstate.Unknown {
		t.Errorf("%+v", v)
	}
	again := sealed(t, nil, collect(t, open(t, b, nil).Records(context.Background(), nil))...)
	n := 0
	for _, r := range collect(t, open(t, again, nil).Records(context.Background(), nil)) {
		if agentstate.KindOf(r) != "hologram" {
			continue
		}
		n++
		got, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil || !bytes.Equal(got, raw(r.GetMeta().GetKey())) {
			t.Errorf("%x, %v", got, err)
		}
	}
	if n != 30 {
		t.Errorf("%d of 30", n)
	}
}

func TestRefusedRecords(t *testing.T) {
	mem := func(key string) *pb.Memory { return &pb.Memory{Meta: &pb.Meta{Key: key}} }
	for _, c := range []struct {
		name string
		r    agentstate.Record
		want string
	}{
		{"no key", &pb.Memory{}, "without a key"},
		{"no meta", &pb.Gap{}, "without a key"},
		{"kind is no word", mem("Mem ory/1"), "lower-case"},
		{"kind climbs", mem("../memory/1"), "lower-case"},
		{"other kind", mem("message/1"), "want Message"},
		{"unknown type for a known kind", &pb.Unknown{Meta: &pb.Meta{Key: "memory/1"}}, "want Memory"},
		{"mark", &pb.Mark{Meta: &pb.Meta{Key: "mark"}}, "call Mark"},
		{"not UTF-8", &pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, Name: "\xff"}, "UTF-8"},
		{"key not UTF-8", mem("memory/\xff"), "UTF-8"},
		{"too big", &pb.Memory{Meta: &pb.Meta{Key: "memory/1"}, Name: strings.Repeat("x", 17<<20)}, "above a limit"},
		{"place set from outside", &pb.Embedding{Meta: &pb.Meta{Key: "embedding/1"}, VectorMember: 1}, "archive alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := NewWriter(&out, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := w.Put(context.Background(), c.r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v", err)
			}
			for _, r := range state(3) { // the writer is still good
				if err := w.Put(context.Background(), r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Commit(context.Background()); err != nil {
				t.Fatal(err)
			}
			verify(t, out.Bytes(), nil)
		})
	}
}

func TestSameKeyTwice(t *testing.T) {
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 3000 {
		if err := w.Put(context.Background(), &pb.Memory{Meta: &pb.Meta{Key: fmt.Sprintf("memory/%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	err = w.Put(context.Background(), &pb.Memory{Meta: &pb.Meta{Key: "memory/17"}, Name: "other"})
	if !errors.Is(err, agentstate.ErrConflict) || !strings.Contains(err.Error(), "memory/17") {
		t.Errorf("%v", err)
	}
}

// blobs is a source of records with blobs.
func putBlob(t testing.TB, w *Writer, i int, content []byte) *pb.Artifact {
	t.Helper()
	r := &pb.Artifact{Meta: &pb.Meta{Key: fmt.Sprintf("artifact/%d", i)}}
	b := &pb.Blob{Id: "of the source"}
	if err := w.PutBlobOf(context.Background(), r, b, iotest.HalfReader(bytes.NewReader(content))); err != nil {
		t.Fatal(err)
	}
	r.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: b}}}}}
	return r
}

func TestBlobs(t *testing.T) {
	id, rec := keyPair(t, false)
	content := make([]byte, 2*chunkSize+1)
	g := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(g.Uint32() >> 30)
	}
	for _, o := range []*WriterOptions{{}, {Recipients: []age.Recipient{rec}}} {
		for _, size := range loadtest.Of([]int{0, chunkSize, len(content)}, []int{0, 1, chunkSize, chunkSize + 1, len(content)}) {
			var out bytes.Buffer
			w, err := NewWriter(&out, o)
			if err != nil {
				t.Fatal(err)
			}
			r := putBlob(t, w, 1, content[:size])
			blob := r.Meta.Native[0].GetData().GetBlob()
			if blob.Id != "data/b/00000001" || blob.Size != uint64(size) {
				t.Fatalf("%v", blob)
			}
			if err := w.Put(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(context.Background()); err != nil {
				t.Fatal(err)
			}
			ro := ReaderOptions{Identities: []age.Identity{id}}
			verify(t, out.Bytes(), &VerifyOptions{ReaderOptions: ro})
			rd := open(t, out.Bytes(), &ro)
			rc, err := rd.OpenBlob(context.Background(), blob)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rc)
			if err != nil || !bytes.Equal(got, content[:size]) {
				t.Errorf("%d bytes of %d: %v", len(got), size, err)
			}
			if err := rc.Close(); err != nil {
				t.Error(err)
			}
			if _, err := rc.Read(make([]byte, 1)); err == nil {
				t.Error("read after close")
			}
			other := proto.Clone(blob).(*pb.Blob)
			other.Sha256[0]++
			if _, err := rd.OpenBlob(context.Background(), other); Class(err) != "payload" {
				t.Errorf("other digest: %v", err)
			}
		}
	}
}

// A record may not point at a blob that is not there, and a blob that breaks off spoils the
// archive, as its first chunks are written.
func TestBlobsThatAreNotThere(t *testing.T) {
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := &pb.Artifact{Meta: &pb.Meta{Key: "artifact/1"}}
	r.Meta.Native = []*pb.Native{{Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "mine", Size: 3}}}}}}
	if err := w.Put(context.Background(), r); err == nil || !strings.Contains(err.Error(), "artifact/1") {
		t.Errorf("%v", err)
	}
	w2, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w2.Close()
	broken := errors.New("connection lost")
	if err := w2.PutBlob(context.Background(), &pb.Blob{}, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := w2.Commit(context.Background()); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// In an archive with compartments a blob lies where its record does.
func TestBlobsInCompartments(t *testing.T) {
	id, rec := keyPair(t, true)
	_, rec1 := keyPair(t, true)
	o := &WriterOptions{Recipients: []age.Recipient{rec}, Compartments: []Compartment{{
		Recipients: []age.Recipient{rec1}, Match: func(r agentstate.Record) bool { return r.GetMeta().Key == "artifact/1" },
	}}}
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PutBlob(context.Background(), &pb.Blob{}, strings.NewReader("x")); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
	a, b := putBlob(t, w, 1, []byte("one")), putBlob(t, w, 2, []byte("two"))
	for _, r := range []agentstate.Record{a, b} {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := open(t, out.Bytes(), &ReaderOptions{Identities: []age.Identity{id}, Partial: true})
	if _, err := r.OpenBlob(context.Background(), a.Meta.Native[0].GetData().GetBlob()); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("blob of a closed compartment: %v", err)
	}
	if _, err := r.OpenBlob(context.Background(), b.Meta.Native[0].GetData().GetBlob()); err != nil {
		t.Error(err)
	}
}

// Copy finds blobs through wrappers and tells the writer whose they are.
func TestCopyWithBlobs(t *testing.T) {
	_, rec := keyPair(t, true)
	var out, out2 bytes.Buffer
	w, err := NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := w.Put(context.Background(), putBlob(t, w, i, bytes.Repeat([]byte{byte(i)}, 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	w2, err := NewWriter(&out2, &WriterOptions{Recipients: []age.Recipient{rec}, Compartments: []Compartment{{
		Recipients: []age.Recipient{rec}, Match: func(agentstate.Record) bool { return true },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w2.Close()
	if _, err := agentstate.Copy(context.Background(), w2, open(t, out.Bytes(), nil), nil); err != nil {
		t.Fatal(err)
	}
}

// A writer that cannot write says so, at once or at the latest when it commits.
func TestWriteError(t *testing.T) {
	full := errors.New("no space left on device")
	size := len(sealed(t, nil, state(2000)...))
	for _, n := range []int{0, 10, 5000, size / 2, size - 200, size - 1} {
		w, err := NewWriter(&limited{left: n, err: full}, &WriterOptions{ShardSize: 4096})
		for _, r := range state(2000) {
			if err != nil {
				break
			}
			err = w.Put(context.Background(), r)
		}
		if err == nil {
			err = w.Commit(context.Background())
		}
		if !errors.Is(err, full) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if w != nil {
			if err := w.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if n < len(p) {
		return n, l.err
	}
	return n, nil
}

func TestCancelledWriter(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Put(ctx, state(1)[0]); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Put(context.Background(), state(1)[0]); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := w.Commit(context.Background()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
