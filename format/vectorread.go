package format

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/exitramp/exitramp/format/internal/frame"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// vector is the vector that e stands for, checked against the digest in e. It is valid until
// the next call.
func (d *decoder) vector(comp int, e *pb.Embedding) ([]byte, error) {
	m := d.c.vectors[uint64(e.VectorMember)]
	if m == nil || m.comp != comp {
		return nil, refuse(ErrPayload, "", fmt.Sprintf("%s: no vector member %d in its compartment", e.GetMeta().GetKey(), e.VectorMember))
	}
	v, err := d.vectorAt(m, uint64(e.VectorIndex))
	if err != nil {
		return nil, err
	}
	if len(e.Vector) > 0 {
		return nil, refuse(ErrPayload, m.Member, fmt.Sprintf("%s has a vector inline as well", e.GetMeta().GetKey()))
	}
	if sum := sha256.Sum256(v); !bytes.Equal(sum[:], e.VectorSha256) {
		return nil, refuse(ErrPayload, m.Member, fmt.Sprintf("vector %d is not that of %s", e.VectorIndex, e.GetMeta().GetKey()))
	}
	m.refs.Add(1)
	return v, nil
}

func (d *decoder) vectorAt(m *vectorTable, i uint64) ([]byte, error) {
	if i >= m.Count {
		return nil, refuse(ErrPayload, m.Member, fmt.Sprintf("vector %d of %d", i, m.Count))
	}
	if err := d.loadVectors(m); err != nil {
		return nil, err
	}
	return d.vec[i*m.VectorSize : (i+1)*m.VectorSize], nil
}

// loadVectors decodes m unless it was the last one.
func (d *decoder) loadVectors(m *vectorTable) error {
	if d.vecName == m.Member {
		return nil
	}
	d.vecName = ""
	var err error
	if d.planes, err = d.content(d.planes[:0], m.comp, m.Member, int64(m.RawSize)); err != nil {
		return err
	}
	if d.vec, err = frame.DecodePlanes(d.vec[:0], d.planes); err != nil {
		return frameError(err, m.Member)
	}
	d.vecName = m.Member
	return nil
}
