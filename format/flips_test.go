package format

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/internal/loadtest"
)

func tryVerify(b []byte, ids ...age.Identity) error {
	o := &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly(), Identities: ids}}
	v, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err == nil && v.Level != LevelDeep {
		return errors.New("not deep")
	}
	return err
}

// A flip of any byte of a small archive is refused, and named with a class. One byte in some is tried,
// each of the plain one with EXITRAMP_LOAD=1; of the schema few.
func TestEveryByteFlip(t *testing.T) {
	id, rec := keyPair(t, true)
	for name, o := range map[string]*WriterOptions{"plain": {}, "encrypted": {Recipients: []age.Recipient{rec}}} {
		t.Run(name, func(t *testing.T) {
			b := small(t, o)
			if err := tryVerify(b, id); err != nil {
				t.Fatal(err)
			}
			set, _ := Schema()
			schema := bytes.Index(b, set)
			step := loadtest.Of(29, 1)
			if name == "encrypted" {
				step = loadtest.Of(101, 11)
			}
			for i := 0; i < len(b); i += step {
				if i > schema && i < schema+len(set)-200 {
					i += 199
				}
				b[i] ^= 1 << (i % 8)
				err := tryVerify(b, id)
				if err == nil {
					t.Fatalf("byte %d flipped: not noticed", i)
				}
				if Class(err) == "" && err.Error() != "not deep" {
					t.Fatalf("byte %d flipped: no class: %v", i, err)
				}
				b[i] ^= 1 << (i % 8)
			}
		})
	}
}

// Bits flipped at random in a large archive are noticed as those of a small one are. The stored bytes
// alone are read: no flip gets past them, so none needs a key to be found.
func TestRandomFlips(t *testing.T) {
	flips, records := loadtest.Of(100, 10_000), loadtest.Of(2_000, 20_000)
	_, rec := keyPair(t, true)
	g := &filler{newRand()}
	var recs []agentstate.Record
	for i := range records {
		recs = append(recs, memory(g, i))
	}
	b := sealed(t, &WriterOptions{Recipients: []age.Recipient{rec}}, recs...)
	o := &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly()}, StoredOnly: true}
	try := func() error {
		_, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
		return err
	}
	if err := try(); err != nil {
		t.Fatal(err)
	}
	named := map[string]int{}
	for range flips {
		at, bit := g.IntN(len(b)), byte(1)<<g.IntN(8)
		b[at] ^= bit
		err := try()
		if err == nil || Class(err) == "" {
			t.Fatalf("byte %d, bit %#x: %v", at, bit, err)
		}
		var e *Error
		if errors.As(err, &e) && e.Member != "" {
			named["with its member"]++
		}
		named[Class(err)]++
		b[at] ^= bit
	}
	t.Logf("%d flips in %d bytes: all noticed, %v", flips, len(b), named)
}

func TestTruncated(t *testing.T) {
	b := small(t, nil)
	cuts := []int{0, 1, 4, 30, 97, 98, len(b) - 1}
	es, err := container.Read(bytes.NewReader(b), int64(len(b)), container.Limits{Members: 100, Stored: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		cuts = append(cuts, int(e.Offset), int(e.DataOffset()), int(e.DataOffset()+e.Size))
	}
	g := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		cuts = append(cuts, g.IntN(len(b)))
	}
	for _, n := range cuts {
		err := tryVerify(slices.Clone(b[:n]))
		want := ErrTruncated
		if n < 4 {
			want = ErrNotArchive
		}
		if !errors.Is(err, want) {
			t.Errorf("cut at %d of %d: %v", n, len(b), err)
		}
	}
	if err := tryVerify(append(slices.Clone(b), "tail"...)); !errors.Is(err, ErrContainer) {
		t.Errorf("trailing bytes: %v", err)
	}
	for _, other := range []string{"", "hello, world", "PK\x03\x04 some other zip" + strings.Repeat("x", 200), strings.Repeat("\x00", 1000)} {
		if err := tryVerify([]byte(other)); !errors.Is(err, ErrNotArchive) {
			t.Errorf("%.20q: %v", other, err)
		}
	}
}
