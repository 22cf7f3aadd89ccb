package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/frame"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// forger makes archives that are not encrypted, whose digests are all right and whose content is
// not: what a writer with bad intent could make.
type forger struct {
	names  []string          // in order, without the prefix
	raw    map[string][]byte // content; of frames what is in them
	root   *pb.Root
	man    *manifest
	prefix string
	framed func(name string, raw []byte) []byte // nil: as the writer does it
}

func newForger(t testing.TB, b []byte) *forger {
	t.Helper()
	r := open(t, b, nil)
	d, err := r.c.newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{raw: map[string][]byte{}, man: r.c.a.man, root: r.c.roots[0], prefix: r.c.a.prefix}
	for _, e := range r.c.a.entries {
		name := strings.TrimPrefix(e.Name, f.prefix)
		f.names = append(f.names, name)
		if strings.HasSuffix(name, ".zst") {
			f.raw[name], err = d.content(nil, 0, name, -1)
		} else {
			f.raw[name], err = r.c.a.stored(name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// name is the first member with this prefix.
func (f *forger) name(prefix string) string {
	return f.names[slices.IndexFunc(f.names, func(n string) bool { return strings.HasPrefix(n, prefix) })]
}

// honest makes the tables of the root say what is in the members: sizes, counts and hashes, as
// far as there is something to count.
func (f *forger) honest(stored map[string][]byte) {
	var all tree.Tree
	for _, s := range f.root.Shards {
		raw := f.raw[s.Member]
		s.RawSize, s.StoredSize = uint64(len(raw)), uint64(len(stored[s.Member]))
		var t tree.Tree
		var h *tree.Hasher
		walkShard(raw, func(b []byte) error {
			hd := &pb.ShardHeader{}
			err := proto.Unmarshal(b, hd)
			h = tree.NewHasher(s.Kind, hd.Salt)
			return err
		}, func(i int, rec []byte) error {
			t.Append(h.Record(uint64(i), rec))
			return nil
		})
		root := t.Root()
		s.Root = root[:]
		all.Append(tree.ShardLeaf(s.Kind, s.Ordinal, s.Count, root))
	}
	for _, v := range f.root.Vectors {
		v.RawSize, v.StoredSize = uint64(len(f.raw[v.Member])), uint64(len(stored[v.Member]))
	}
	for _, r := range f.root.Index {
		for _, p := range r.Pages {
			p.RawSize, p.StoredSize = uint64(len(f.raw[p.Member])), uint64(len(stored[p.Member]))
		}
	}
	root := all.Root()
	f.man.Records = manifestRecords{hex.EncodeToString(root[:]), all.Len()}
}

// archive seals it all again. edit changes the root when it is honest; nil: not at all.
func (f *forger) archive(t testing.TB, edit func(*pb.Root)) []byte {
	t.Helper()
	stored := map[string][]byte{}
	var enc frame.Encoder
	pack := func(name string) {
		switch raw := f.raw[name]; {
		case !strings.HasSuffix(name, ".zst"):
			stored[name] = raw
		case f.framed != nil:
			stored[name] = f.framed(name, raw)
		default:
			stored[name] = enc.Compress(nil, raw, false)
		}
	}
	for _, n := range f.names {
		pack(n)
	}
	f.honest(stored)
	if edit != nil {
		edit(f.root)
	}
	var err error
	if f.raw["data/root.pb.zst"], err = proto.Marshal(f.root); err != nil {
		t.Fatal(err)
	}
	pack("data/root.pb.zst")
	var data []string
	f.man.Payload = manifestPayload{}
	for _, n := range f.names {
		if strings.HasPrefix(n, "data/") {
			data = append(data, n)
			f.man.Payload.Members++
			f.man.Payload.Bytes += uint64(len(stored[n]))
		}
	}
	slices.Sort(data)
	var list []byte
	for _, n := range data {
		list = appendListLine(list, sha256.Sum256(stored[n]), n)
	}
	sum := sha256.Sum256(list)
	f.man.Payload.ManifestSHA256 = hex.EncodeToString(sum[:])
	stored[nameList], stored[nameReadme] = list, readme(f.man)
	if stored[nameManifest], err = f.man.marshal(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := container.NewWriter(&out)
	for _, n := range f.names {
		if _, err := w.Add(f.prefix+n, stored[n], crc32.ChecksumIEEE(stored[n])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// records takes a shard apart and puts it together again, header first.
func (f *forger) records(name string, edit func(header []byte, recs [][]byte) ([]byte, [][]byte)) {
	var header []byte
	var recs [][]byte
	walkShard(f.raw[name], func(b []byte) error { header = b; return nil }, func(_ int, rec []byte) error {
		recs = append(recs, rec)
		return nil
	})
	header, recs = edit(bytes.Clone(header), recs)
	out := protowire.AppendBytes(protowire.AppendTag(nil, shardHeader, protowire.BytesType), header)
	for _, r := range recs {
		out = protowire.AppendBytes(protowire.AppendTag(out, shardRecords, protowire.BytesType), r)
	}
	f.raw[name] = out
}
