package formattest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/frame"
	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/format/internal/tree"
)

// A forge takes an archive apart, changes one thing, and puts everything above it right again:
// what is left is the one fault.
type forge struct {
	t       *testing.T
	prefix  string
	members []part // in the order of the file
	keys    []*seal.Key
	enc     frame.Encoder
	dec     *frame.Decoder
}

type part struct {
	name string // without the prefix
	body []byte
}

const (
	manifestJSON = "manifest.json"
	listTxt      = "manifest-sha256.txt"
	readmeMD     = "README.md"
)

func newForge(t *testing.T, archive []byte, ids ...age.Identity) *forge {
	t.Helper()
	ra := bytes.NewReader(archive)
	es, err := container.Read(ra, ra.Size(), container.Limits{Members: 1 << 20, Stored: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, prefix: es[0].Name[:32]}
	if f.dec, err = frame.NewDecoder(64 << 20); err != nil {
		t.Fatal(err)
	}
	wraps := map[string][][]byte{}
	for _, e := range es {
		b, err := container.ReadMember(ra, e)
		if err != nil {
			t.Fatal(err)
		}
		f.members = append(f.members, part{e.Name[32:], b})
		if seg := strings.Split(e.Name[32:], "/"); seg[0] == "keys" {
			wraps[seg[1]] = append(wraps[seg[1]], b)
		}
	}
	for i := range len(wraps) {
		k, err := seal.Unwrap(wraps[fmt.Sprint(i)], ids)
		if err != nil {
			t.Fatal(err)
		}
		f.keys = append(f.keys, k)
	}
	return f
}

func (f *forge) index(name string) int {
	f.t.Helper()
	i := slices.IndexFunc(f.members, func(p part) bool { return p.name == name })
	if i < 0 {
		f.t.Fatalf("no member %s", name)
	}
	return i
}

func (f *forge) has(name string) bool {
	return slices.ContainsFunc(f.members, func(p part) bool { return p.name == name })
}

func (f *forge) get(name string) []byte {
	f.t.Helper()
	return f.members[f.index(name)].body
}

func (f *forge) set(name string, body []byte) {
	f.t.Helper()
	f.members[f.index(name)].body = body
}

func (f *forge) remove(name string) {
	i := f.index(name)
	f.members = slices.Delete(f.members, i, i+1)
}

// addAfter puts a member behind the member of that name.
func (f *forge) addAfter(after, name string, body []byte) {
	f.members = slices.Insert(f.members, f.index(after)+1, part{name, body})
}

// bytes is the archive as it is now.
func (f *forge) bytes() []byte {
	f.t.Helper()
	var b bytes.Buffer
	w := container.NewWriter(&b)
	for _, p := range f.members {
		if _, err := w.Add(f.prefix+p.name, p.body, crc32.ChecksumIEEE(p.body)); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	return b.Bytes()
}

// manifest sets a value of manifest.json, whose names are unique but for n.
func (f *forge) manifest(name, value string) {
	f.t.Helper()
	re := regexp.MustCompile(`("` + name + `": )[^\n]*?(,?\n)`)
	b := f.get(manifestJSON)
	if !re.Match(b) {
		f.t.Fatalf("no %s in the manifest", name)
	}
	f.set(manifestJSON, re.ReplaceAll(b, []byte("${1}"+strings.ReplaceAll(value, "$", "$$")+"${2}")))
}

func (f *forge) manifestValue(name string) string {
	f.t.Helper()
	m := regexp.MustCompile(`"` + name + `": (.*?),?\n`).FindSubmatch(f.get(manifestJSON))
	if m == nil {
		f.t.Fatalf("no %s in the manifest", name)
	}
	return strings.Trim(string(m[1]), `"`)
}

// refresh makes digest list, manifest and README anew.
func (f *forge) refresh() *forge {
	f.t.Helper()
	f.list()
	return f.relist()
}

func (f *forge) list() {
	f.listWith(func(p part) [32]byte { return sha256.Sum256(p.body) })
}

func (f *forge) listWith(sum func(part) [32]byte) {
	var lines []string
	for _, p := range f.members {
		if strings.HasPrefix(p.name, "data/") {
			lines = append(lines, fmt.Sprintf("%x  %s\n", sum(p), p.name))
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	f.set(listTxt, []byte(strings.Join(lines, "")))
}

// relist makes manifest and README anew.
func (f *forge) relist() *forge {
	f.t.Helper()
	n, size := 0, 0
	for _, p := range f.members {
		if strings.HasPrefix(p.name, "data/") {
			n, size = n+1, size+len(p.body)
		}
	}
	sum := sha256.Sum256(f.get(listTxt))
	f.readme(f.manifestValue("manifest_sha256"), hex.EncodeToString(sum[:]))
	f.manifest("manifest_sha256", fmt.Sprintf("%q", hex.EncodeToString(sum[:])))
	f.manifest("members", fmt.Sprint(n))
	f.manifest("bytes", fmt.Sprint(size))
	counts := fmt.Sprintf("%d members of data, %d bytes. Coverage: %s.", n, size, f.manifestValue("coverage"))
	re := regexp.MustCompile(`\d+ members of data, \d+ bytes\. Coverage: \w+\.`)
	f.set(readmeMD, re.ReplaceAll(f.get(readmeMD), []byte(counts)))
	return f
}

// readme puts a value that README.md repeats right.
func (f *forge) readme(old, now string) {
	f.set(readmeMD, bytes.ReplaceAll(f.get(readmeMD), []byte(old), []byte(now)))
}

func rootName(comp int, sealed bool) string {
	name := "data/root.pb.zst"
	if comp > 0 {
		name = fmt.Sprintf("data/root-%d.pb.zst", comp)
	}
	if sealed {
		name += ".age"
	}
	return name
}

// frame is the zstd frame in a member.
func (f *forge) frame(comp int, name string) []byte {
	f.t.Helper()
	b := f.get(name)
	if f.keys != nil {
		var err error
		if b, err = f.keys[comp].Open(nil, b); err != nil {
			f.t.Fatal(err)
		}
	}
	return b
}

func (f *forge) setFrame(comp int, name string, b []byte) {
	f.t.Helper()
	if f.keys != nil {
		var err error
		if b, err = f.keys[comp].Seal(nil, b); err != nil {
			f.t.Fatal(err)
		}
	}
	f.set(name, b)
}

func (f *forge) content(comp int, name string) []byte {
	f.t.Helper()
	b, err := f.dec.Decode(nil, f.frame(comp, name), -1)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// setContent compresses and seals raw again.
func (f *forge) setContent(comp int, name string, raw []byte) {
	f.t.Helper()
	f.setFrame(comp, name, f.enc.Compress(nil, raw, false))
}

// editFrame changes the zstd frame of a shard, and puts right what declares its size.
func (f *forge) editFrame(kind string, edit func(frame []byte) []byte) *forge {
	f.t.Helper()
	r := f.root(0)
	s := f.shardOf(r, kind)
	f.setFrame(0, s.Member, edit(f.frame(0, s.Member)))
	return f.setRoot(0, r).refresh()
}

// editShard changes the message of a shard, and puts right sizes, count and trees.
func (f *forge) editShard(kind string, edit func(raw []byte) []byte) *forge {
	f.t.Helper()
	r := f.root(0)
	s := f.shardOf(r, kind)
	raw := edit(f.content(0, s.Member))
	f.setContent(0, s.Member, raw)
	s.RawSize = uint64(len(raw))
	var tr tree.Tree
	s.Count = 0
	salt := f.salt(raw)
	for _, rec := range fieldsOf(raw, 1) {
		h := tree.NewHasher(s.Kind, salt)
		tr.Append(h.Record(s.Count, rec))
		s.Count++
	}
	root := tr.Root()
	s.Root = root[:]
	f.top(r)
	return f.setRoot(0, r).refresh()
}

// editRecord changes one record of a shard.
func (f *forge) editRecord(kind string, n int, edit func(rec []byte) []byte) *forge {
	f.t.Helper()
	return f.editShard(kind, func(raw []byte) []byte {
		head, recs := fieldsOf(raw, 15)[0], fieldsOf(raw, 1)
		recs[n] = edit(recs[n])
		return message(head, recs...)
	})
}

// message is a shard message.
func message(head []byte, recs ...[]byte) []byte {
	b := field(nil, 15, head)
	for _, r := range recs {
		b = field(b, 1, r)
	}
	return b
}

func field(b []byte, n protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), body)
}

// fieldsOf is the length-delimited fields n of a message, as far as it is one.
func fieldsOf(b []byte, n protowire.Number) (out [][]byte) {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return out
		}
		b = b[k:]
		if typ != protowire.BytesType {
			if k = protowire.ConsumeFieldValue(num, typ, b); k < 0 {
				return out
			}
			b = b[k:]
			continue
		}
		v, k := protowire.ConsumeBytes(b)
		if k < 0 {
			return out
		}
		if num == n {
			out = append(out, bytes.Clone(v))
		}
		b = b[k:]
	}
	return out
}
