package hometest

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Fuzz: whatever a session holds, it is carried whole and read without a panic, and every record can be
// written. It starts from the sessions of testdata/home and their lines.
func (h Home) Fuzz(f *testing.F, session func(rel string) bool) {
	seeds := Files(f, "testdata/home", session, func(_ fs.FileMode, b []byte) string { return string(b) })
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, text := range seeds {
		f.Add([]byte(text))
		for l := range strings.SplitAfterSeq(text, "\n") {
			f.Add([]byte(l))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys := map[string]bool{}
		for r, err := range h.Open(Write(t, map[string]string{h.Session: string(b)})).Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := proto.Marshal(r); err != nil {
				t.Fatal(err)
			}
			k := r.GetMeta().GetKey()
			if keys[k] {
				t.Fatalf("%s twice", k)
			}
			keys[k] = true
			if c, ok := r.(*pb.Conversation); ok {
				d := c.Meta.Native[0].GetData()
				if d.GetBlob() == nil && !bytes.Equal(d.GetInline(), b) {
					t.Fatalf("%q was carried as %q", b, d.GetInline())
				}
			}
		}
	})
}
