package format

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// small is an archive with something of everything: records, vectors, a blob, an index.
func small(t testing.TB, o *WriterOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	recs := state(3)
	g := &filler{rand.New(rand.NewPCG(3, 3))}
	recs = append(recs, &pb.Embedding{Meta: &pb.Meta{Key: "embedding/1"}, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(64)}, putBlob(t, w, 1, []byte("blob content")))
	for _, r := range recs {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rebuild writes the members of b again, changed by f, as a container without fault. A nil body
// leaves a member out.
func rebuild(t *testing.T, b []byte, f func(name string, body []byte) []byte) []byte {
	t.Helper()
	es, err := container.Read(bytes.NewReader(b), int64(len(b)), container.Limits{Members: 1000, Stored: 1 << 26})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := container.NewWriter(&out)
	for _, e := range es {
		body, err := container.ReadMember(bytes.NewReader(b), e)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(e.Name, "/")
		if body = f(name, bytes.Clone(body)); body == nil {
			continue
		}
		if _, err := w.Add(e.Name, body, crc32.ChecksumIEEE(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestMembersThatChange(t *testing.T) {
	b := small(t, nil)
	for _, c := range []struct {
		name  string
		class string
		f     func(name string, body []byte) []byte
	}{
		{"shard swapped", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/r/memory/") {
				body[20] ^= 1
			}
			return body
		}},
		{"shard dropped", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/r/memory/") {
				return nil
			}
			return body
		}},
		{"list without its last line", "digest", func(n string, body []byte) []byte {
			if n == nameList {
				return body[:bytes.LastIndexByte(body[:len(body)-1], '\n')+1]
			}
			return body
		}},
		{"README a byte off", "manifest", func(n string, body []byte) []byte {
			if n == nameReadme {
				body[0] ^= 1
			}
			return body
		}},
		{"bagit a byte off", "manifest", func(n string, body []byte) []byte {
			if n == nameBagit {
				body[0] ^= 1
			}
			return body
		}},
		{"coverage raised", "manifest", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"UNKNOWN"`), []byte(`"RECONCILED"`), 1)
			}
			return body
		}},
		{"unknown requires", "version", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"requires": []`), []byte(`"requires": ["columns"]`), 1)
			}
			return body
		}},
		{"newer format", "version", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"ctxa/1"`), []byte(`"ctxa/2"`), 1)
			}
			return body
		}},
		{"no manifest", "container", func(n string, body []byte) []byte {
			if n == nameManifest {
				return nil
			}
			return body
		}},
		{"no schema", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/schema/") {
				return nil
			}
			return body
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := tryVerify(rebuild(t, b, c.f))
			var e *Error
			if !errors.As(err, &e) || Class(err) != c.class {
				t.Errorf("class %q, want %q: %v", Class(err), c.class, err)
			}
			t.Log(err)
		})
	}
}

func TestPolicy(t *testing.T) {
	b := small(t, nil)
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{}); !errors.Is(err, ErrNoPolicy) {
		t.Error(err)
	}
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), nil); !errors.Is(err, ErrNoPolicy) {
		t.Error(err)
	}
	untrusted := errors.New("no bundle")
	p := policyFunc(func([]byte, [][]byte) ([]TrustedKey, error) { return nil, untrusted })
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: p}); !errors.Is(err, ErrUntrusted) || !errors.Is(err, untrusted) {
		t.Error(err)
	}
	p = func([]byte, [][]byte) ([]TrustedKey, error) { return []TrustedKey{{ID: "9f3a"}}, nil }
	v := verify(t, b, &VerifyOptions{ReaderOptions: ReaderOptions{Policy: p, MinSequence: 1}})
	if v.Authenticity != "AUTHENTIC: signed by 9f3a" || !strings.HasPrefix(v.Freshness, "checked") {
		t.Errorf("%+v", v)
	}
	for _, o := range []*ReaderOptions{{MinSequence: 2}, {Lineage: "other"}} {
		o.Policy = IntegrityOnly()
		if _, err := NewReader(bytes.NewReader(b), int64(len(b)), o); !errors.Is(err, ErrStale) {
			t.Error(err)
		}
	}
}

type policyFunc func([]byte, [][]byte) ([]TrustedKey, error)

func (f policyFunc) Check(m []byte, b [][]byte) ([]TrustedKey, error) { return f(m, b) }

func TestReaderLimits(t *testing.T) {
	b := small(t, nil)
	for _, l := range []Limits{{Members: 3}, {Stored: 10}, {Raw: 10}, {Record: 10}, {Gaps: -1}} {
		o := &ReaderOptions{Policy: IntegrityOnly(), Limits: &l}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), o)
		if err == nil {
			for _, err = range r.Records(context.Background(), nil) {
			}
		}
		if l.Gaps == 0 && !errors.Is(err, ErrLimit) && Class(err) != "payload" {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestReaderBreakAndCancel(t *testing.T) {
	b := sealed(t, &WriterOptions{ShardSize: 2000}, state(500)...)
	r := open(t, b, &ReaderOptions{Workers: 3})
	n := 0
	for _, err := range r.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 7 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n = 0
	var last error
	for _, err := range r.Records(ctx, nil) {
		if n++; n == 7 {
			cancel()
		}
		last = err
	}
	if n != 8 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d, %v", n, last)
	}
	if _, err := r.Get(context.Background(), "memory/none"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Error(err)
	}
	kinds := map[string]bool{}
	for _, rec := range collect(t, r.Records(context.Background(), &agentstate.ReadOptions{Kinds: []string{"memoryspace"}})) {
		kinds[agentstate.KindOf(rec)] = true
	}
	if kinds["memory"] || !kinds["memoryspace"] || !kinds["completeness"] {
		t.Errorf("%v", kinds)
	}
	for _, err := range r.Records(context.Background(), &agentstate.ReadOptions{Cursor: []byte("x")}) {
		if !errors.Is(err, agentstate.ErrCursor) {
			t.Error(err)
		}
	}
}
