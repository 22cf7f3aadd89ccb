package format_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/formattest"
)

// Any vector, cut and with some bytes replaced, is refused with a class or is, to the byte, one
// of the accepted ones: nobody can spell the same archive in another way. The input is the edit
// alone, since a whole archive is too long to mutate.
func FuzzVectors(f *testing.F) {
	vs := allVectors(f)
	vs = slices.DeleteFunc(vs, func(v formattest.Vector) bool {
		// Key files are outside of all digests, and so are signatures that no policy needs.
		needless := v.Expect == formattest.Accept && strings.Contains(v.Name, "stranger")
		return len(v.Identities) > 0 || v.Passphrase != "" || needless || len(v.Archive) > 1<<20
	})
	good := map[string]bool{}
	for _, v := range vs {
		if v.Expect == formattest.Accept || v.Expect == "stale" || v.NoPolicy {
			good[string(v.Archive)] = true
		}
	}
	for i, v := range vs {
		f.Add(uint(i), uint(0), []byte{}, uint(0))
		if v.Expect == formattest.Accept {
			f.Add(uint(i), uint(len(v.Archive)-98), []byte("PK"), uint(0))
			f.Add(uint(i), uint(strings.Index(string(v.Archive), "{\n")), []byte("{ "), uint(0))
			f.Add(uint(i), uint(30), []byte("ctxa-a"), uint(1))
		}
	}
	f.Fuzz(func(t *testing.T, i, at uint, patch []byte, cut uint) {
		v := &vs[i%uint(len(vs))]
		b := slices.Clone(v.Archive[:uint(len(v.Archive))-cut%uint(len(v.Archive)+1)])
		if len(b) > 0 {
			copy(b[at%uint(len(b)):], patch)
		}
		o := readerOptions(t, v)
		o.Lineage, o.MinSequence = "", 0
		if v.NoPolicy {
			o.Policy = format.IntegrityOnly()
		}
		_, err := format.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), &format.VerifyOptions{ReaderOptions: *o})
		if err == nil && !good[string(b)] {
			t.Fatalf("%s: changed, and accepted", v.Name)
		}
		if err != nil && format.Class(err) == "" {
			t.Fatalf("%s: no class: %v", v.Name, err)
		}
		if recs, err := released(b, o); err != nil && format.Class(err) == "" || err == nil && !good[string(b)] && len(recs) > 1000 {
			t.Fatalf("%s: reading: %v", v.Name, err)
		}
	})
}
