package openaiagents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// document writes a run state or a list of items, byte for byte.
func (w *writer) document(ctx context.Context, r agentstate.Record, kind, rel string, n *pb.Native) (replay.Receipt, error) {
	if want := map[string]string{"runstate": "state", "items": "conversation", "sessions": "opaque"}[n.Type]; want != kind {
		return refused("a %s cannot be a file of %.40q", kind, n.Type)
	}
	data := n.GetData()
	if s, ok := r.(*pb.State); ok {
		data = s.Value
	}
	b, err := w.run.Source.Data(ctx, data)
	if err != nil {
		return replay.Receipt{}, err
	}
	f := jsonForm(bytes.NewReader(b))
	if f == emptyList || f == oneItem {
		f = itemList
	}
	if f != map[string]form{"runstate": runState, "items": itemList, "sessions": keeper}[n.Type] {
		return refused("its file is no %s of the SDK", n.Type)
	}
	path, err := w.inside(rel)
	if err != nil {
		return refused("%v", err)
	}
	rc := replay.Receipt{Action: replay.Created, Target: r.GetMeta().GetKey(), Version: fileDigest(b)}
	have, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(have, b):
		if !w.run.Doubts(rc.Target) {
			rc.Action = replay.Same
		}
		return rc, nil
	case err == nil:
		return replay.Receipt{Action: replay.Conflict, Why: "the folder holds another file of this name"}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return replay.Receipt{}, err
	case w.run.DryRun:
		return rc, nil
	}
	tmp, err := w.documents.Temp(path)
	if err != nil {
		return replay.Receipt{}, err
	}
	_, err = tmp.Write(b)
	return rc, errors.Join(err, tmp.Sync(), tmp.Close())
}

func fileDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
