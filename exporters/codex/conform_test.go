package codex

import (
	"bytes"
	"context"
	"iter"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestConformance is what every driver has to pass.
func TestConformance(t *testing.T) {
	src := fullHome(t)
	exportertest.Run(t, exportertest.Harness{
		Brief: loadtest.Of(true, false),
		Open:  func(context.Context) (agentstate.Source, error) { return opened(src.root), nil },
		Target: func(context.Context) (replay.Target, error) {
			return opened(filepath.Join(t.TempDir(), "target")), nil
		},
		Read:    func(_ context.Context, t replay.Target) (agentstate.Source, error) { return anywhere{t.(*Home)}, nil },
		Secrets: []string{"canary-zq-1", "canary-zq-2", "canary-zq-3", "canary-zq-4", "canary-zq-5", "canary-zq-6", "canary-zq-7"},
	})
}

// anywhere is a home whose rows do not say where it is: targets in two folders are compared.
type anywhere struct{ *Home }

func (a anywhere) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range a.Home.Records(ctx, opts) {
			if o, ok := r.(*pb.Opaque); ok {
				for _, c := range o.Meta.Native[0].GetRow().Columns {
					if c.Name == "rollout_path" && c.GetText() != nil {
						c.Value = &pb.Column_Text{Text: bytes.Replace(c.GetText(), []byte(a.root), nil, 1)}
					}
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
