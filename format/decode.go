package format

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/frame"
	"github.com/exitramp/exitramp/format/internal/record"
	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// decoder opens members. It is for one goroutine at a time; its buffers are used again.
type decoder struct {
	c     *contents
	zstd  *frame.Decoder
	scan  *scanner
	refs  *refCache // of a deep verification
	fast  record.Decoder
	tree  tree.Tree
	disk  []byte
	plain []byte
	raw   []byte

	vecName string // vector member in vec
	vec     []byte
	planes  []byte
}

func (c *contents) newDecoder() (*decoder, error) {
	z, err := frame.NewDecoder(c.a.lim.Raw)
	if err != nil {
		return nil, fmt.Errorf("format: %v", err)
	}
	return &decoder{c: c, zstd: z, scan: newScanner(c.a.lim.Depth)}, nil
}

func (d *decoder) close() { d.zstd.Close() }

// content appends to dst what member name of compartment comp holds: digest, CRC, age and frame
// are checked on the way. raw is its declared size, -1 where nothing declares one.
func (d *decoder) content(dst []byte, comp int, name string, raw int64) ([]byte, error) {
	b, err := d.c.a.storedIn(&d.disk, name)
	if err != nil {
		return nil, err
	}
	if d.c.a.man.encrypted() {
		key := d.c.keys[comp]
		if key == nil {
			return nil, noIdentity(comp)
		}
		if d.plain, err = key.Open(d.plain[:0], b); err != nil {
			return nil, sealError(err, name)
		}
		b = d.plain
	}
	out, err := d.zstd.Decode(dst, b, raw)
	if err != nil {
		return nil, frameError(err, name)
	}
	return out, nil
}

// sealError tells a member sealed to another key from one whose sealed content was changed.
func sealError(err error, member string) error {
	if errors.Is(err, seal.ErrKey) {
		return refuse(ErrKey, member, err.Error())
	}
	return refuse(ErrPayload, member, err.Error())
}

func frameError(err error, member string) error {
	var fe *frame.Error
	if !errors.As(err, &fe) {
		return refuse(ErrPayload, member, err.Error())
	}
	s := ErrPayload
	if fe.Class == "limit" {
		s = ErrLimit
	}
	return &Error{Class: nameOf(s), Member: member, Want: fe.Want, Got: fe.Got, Err: errors.New(fe.Class)}
}

func noIdentity(comp int) error {
	return refuse(ErrNoIdentity, "", fmt.Sprintf("compartment %d: give the identity of one of its recipients", comp))
}

// shard appends the content of s to dst and calls f for each record, scanned, when all of it has
// been checked: frame, header, count and Merkle root. Then f may fail for reasons of its own.
func (d *decoder) shard(dst []byte, comp int, s *pb.Shard, f func(i int, rec []byte) error) ([]byte, error) {
	raw, err := d.rooted(dst, comp, s)
	if err != nil {
		return nil, err
	}
	err = walkShard(raw, func([]byte) error { return nil }, func(i int, rec []byte) error {
		if err := d.scanned(comp, s, i, rec); err != nil {
			return err
		}
		return f(i, rec)
	})
	if err != nil {
		return nil, payload(err, s.Member)
	}
	return raw, nil
}

// rooted appends the content of s to dst: its frame, header, count and Merkle root are right, and
// what its records hold is not looked at yet.
func (d *decoder) rooted(dst []byte, comp int, s *pb.Shard) ([]byte, error) {
	raw, err := d.content(dst, comp, s.Member, int64(s.RawSize))
	if err != nil {
		return nil, err
	}
	var h *tree.Hasher
	d.tree.Reset()
	err = walkShard(raw, func(b []byte) error {
		hd := &pb.ShardHeader{}
		if err := proto.Unmarshal(b, hd); err != nil {
			return errors.New("header is no ShardHeader")
		}
		want := &pb.ShardHeader{ArchiveId: d.c.a.man.id[:], Kind: s.Kind, Ordinal: s.Ordinal, Compartment: uint32(comp), Salt: hd.Salt}
		if !proto.Equal(hd, want) || len(hd.Salt) != 32 {
			return errors.New("header of another shard")
		}
		h = tree.NewHasher(s.Kind, hd.Salt)
		return nil
	}, func(i int, rec []byte) error {
		if int64(len(rec)) > d.c.a.lim.Record {
			return refuse(ErrLimit, s.Member, fmt.Sprintf("record %d has %d bytes, at most %d", i, len(rec), d.c.a.lim.Record))
		}
		d.tree.Append(h.Record(uint64(i), rec))
		return nil
	})
	if err != nil {
		return nil, payload(err, s.Member)
	}
	if n := d.tree.Len(); n != s.Count {
		return nil, mismatch(ErrPayload, s.Member, "records", fmt.Sprint(s.Count), fmt.Sprint(n))
	}
	if root := d.tree.Root(); !bytes.Equal(root[:], s.Root) {
		return nil, mismatch(ErrPayload, s.Member, "Merkle root", hex.EncodeToString(s.Root), hex.EncodeToString(root[:]))
	}
	return raw, nil
}

// scanned scans record i of s and checks its blobs.
func (d *decoder) scanned(comp int, s *pb.Shard, i int, rec []byte) error {
	if err := d.scan.record(s.Kind, rec); err != nil {
		return refuse(ErrPayload, s.Member, fmt.Sprintf("record %d: %v", i, err))
	}
	for _, b := range d.scan.blobs {
		if err := d.c.checkBlob(comp, b); err != nil {
			return refuse(ErrPayload, s.Member, fmt.Sprintf("%s: %v", d.scan.key, err))
		}
	}
	return nil
}

// payload makes a refusal of err unless it is one, or a caller's own error.
func payload(err error, member string) error {
	var e *Error
	if errors.As(err, &e) || errors.Is(err, errStop) {
		return err
	}
	return refuse(ErrPayload, member, err.Error())
}

// errStop ends a walk that needs to see no more.
var errStop = errors.New("format: stop")

// records makes messages of the records of s, whose vectors are filled in. Bytes as a writer
// makes them are decoded in one go, and go with the record; the scanner and package proto take all others.
func (d *decoder) records(comp int, s *pb.Shard) ([]agentstate.Wired, error) {
	var err error
	if d.raw, err = d.rooted(d.raw[:0], comp, s); err != nil {
		return nil, err
	}
	out := make([]agentstate.Wired, 0, s.Count)
	err = walkShard(d.raw, func([]byte) error { return nil }, func(i int, rec []byte) error {
		r, wire := d.canonical(s.Kind, rec)
		if r != nil {
			for _, b := range d.fast.Blobs {
				if err := d.c.checkBlob(comp, blobRef{[]byte(b.Id), b.Sha256, b.Size}); err != nil {
					return refuse(ErrPayload, s.Member, fmt.Sprintf("%s: %v", r.GetMeta().GetKey(), err))
				}
			}
		} else {
			if err := d.scanned(comp, s, i, rec); err != nil {
				return err
			}
			var err error
			if r, err = d.message(s, rec); err != nil {
				return err
			}
		}
		if e, ok := r.(*pb.Embedding); ok && cut(e) {
			wire = nil
		}
		out = append(out, agentstate.Wired{Record: r, Wire: wire})
		return d.fill(comp, r)
	})
	if err != nil {
		return nil, payload(err, s.Member)
	}
	return out, nil
}

// canonical makes a record of canonical bytes of known fields, if rec is that and its key is of
// kind. What it accepts, the scanner accepts. The record has a copy of rec, which its text and
// bytes share; only its key, which people keep, is in memory of its own. nil: it is something else.
func (d *decoder) canonical(kind string, rec []byte) (r agentstate.Record, own []byte) {
	if d.c.a.lim.Depth < record.Depth {
		return nil, nil
	}
	own = make([]byte, len(rec))
	copy(own, rec)
	r, ok := d.fast.Decode(kind, own)
	if !ok || agentstate.KindOfKey(r.GetMeta().GetKey()) != kind {
		return nil, nil
	}
	m := r.GetMeta()
	m.Key = strings.Clone(m.Key)
	return r, own
}

// record makes a message of the bytes of one scanned record, its vector filled in.
func (d *decoder) record(comp int, s *pb.Shard, rec []byte) (agentstate.Record, error) {
	r, err := d.message(s, rec)
	if err != nil {
		return nil, err
	}
	return r, d.fill(comp, r)
}

// fill puts the vector of r, if r is an Embedding whose vector was cut out, back into it.
func (d *decoder) fill(comp int, r agentstate.Record) error {
	e, ok := r.(*pb.Embedding)
	if !ok || !cut(e) {
		return nil
	}
	v, err := d.vector(comp, e)
	if err != nil {
		return err
	}
	e.Vector = bytes.Clone(v)
	e.VectorMember, e.VectorIndex, e.VectorSha256 = 0, 0, nil
	return nil
}

// message is a scanned record as it is stored.
func (d *decoder) message(s *pb.Shard, rec []byte) (agentstate.Record, error) {
	if r, _ := d.canonical(s.Kind, rec); r != nil {
		return r, nil
	}
	r := agentstate.New(s.Kind)
	if err := (proto.UnmarshalOptions{RecursionLimit: d.c.a.lim.Depth}).Unmarshal(rec, r); err != nil {
		return nil, refuse(ErrPayload, s.Member, fmt.Sprintf("%s: %v", d.scan.key, err))
	}
	return r, nil
}

// cut tells whether the vector of e is in a vector member.
func cut(e *pb.Embedding) bool {
	return e.VectorMember != 0 || len(e.VectorSha256) > 0 || e.VectorIndex != 0
}
