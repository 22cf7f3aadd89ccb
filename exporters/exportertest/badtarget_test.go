package exportertest

import (
	"context"
	"errors"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// target is a runtime with a defect.
type target struct {
	*memstate.Runtime
	begin func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error)
	undo  func(ctx context.Context, rt *memstate.Runtime, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error)
}

func (t *target) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	if t.begin == nil {
		return t.Runtime.Begin(ctx, run)
	}
	return t.begin(ctx, t.Runtime, run)
}

func (t *target) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	if t.undo == nil {
		return t.Runtime.Undo(ctx, run, created, leave)
	}
	var rcs []replay.Receipt
	for rc, err := range created {
		if err != nil {
			return err
		}
		rcs = append(rcs, rc)
	}
	left, err := t.undo(ctx, t.Runtime, run, rcs)
	for _, rc := range left {
		leave(rc)
	}
	return err
}

// targeted is a harness with a target that edit spoils; nil: a good one.
func targeted(o *memstate.RuntimeOptions, edit func(t *target)) Harness {
	h := good1()
	h.OwnIDs = o.OwnIDs
	h.Target = func(context.Context) (replay.Target, error) {
		t := &target{Runtime: memstate.NewRuntime(o)}
		if edit != nil {
			edit(t)
		}
		return t, nil
	}
	h.Change = func(ctx context.Context, t replay.Target, key string) error {
		rt := t.(*target).Runtime
		if o.OwnIDs { // under which key it is there is the runtime's to know
			key = "memory/srv-0013"
		}
		r, err := rt.Get(ctx, key)
		m, ok := r.(*pb.Memory)
		if err != nil || !ok {
			return errors.ErrUnsupported
		}
		m.Name = "changed"
		rt.Set(m)
		return nil
	}
	if o.OwnIDs {
		h.Change = nil
	}
	return h
}

// writes is a Writer that does something else for some records.
type writes struct {
	replay.Writer
	write func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error)
}

func (w writes) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	return w.write(ctx, w.Writer, r)
}

func writing(f func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error)) func(*target) {
	return func(t *target) {
		t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
			w, err := rt.Begin(ctx, run)
			return writes{w, f}, err
		}
	}
}

func badTargets() map[string][]Harness {
	plain := &memstate.RuntimeOptions{}
	return map[string][]Harness{
		"target: a plan writes nothing": {
			targeted(plain, func(t *target) { // makes its tables to see what they are like
				t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
					if run.DryRun {
						rt.Set(&pb.Opaque{Meta: agentstate.Meta("opaque", nil, "setup")})
					}
					return rt.Begin(ctx, run)
				}
			}),
		},
		"target: round trip": {
			targeted(plain, writing(func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
				if m, ok := r.(*pb.Memory); ok {
					m.Tags = nil // and says nothing
				}
				return w.Write(ctx, r)
			})),
			targeted(plain, writing(func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
				if key := r.GetMeta().Key; key == "memory/ada/0002" { // counts what it drops
					return replay.Receipt{Key: key, Target: key, Action: replay.Same}, nil
				}
				return w.Write(ctx, r)
			})),
		},
		"target: any order": {
			targeted(plain, func(t *target) { // counts on memories before messages
				t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
					w, err := rt.Begin(ctx, run)
					messages := false
					return writes{w, func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
						switch r.(type) {
						case *pb.Message:
							messages = true
						case *pb.Memory:
							if messages {
								return replay.Receipt{}, errors.New("foreign key")
							}
						}
						return w.Write(ctx, r)
					}}, err
				}
			}),
		},
		"target: nothing rises": {
			targeted(plain, writing(func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
				if m, ok := r.(*pb.Message); ok && m.Role == pb.Role_ROLE_TOOL {
					m.Role = pb.Role_ROLE_SYSTEM
				}
				return w.Write(ctx, r)
			})),
		},
		"target: what is held stays out": {
			targeted(plain, func(t *target) { // finds the grants that a tool call needs by itself
				t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
					w, err := rt.Begin(ctx, run)
					return writes{w, func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
						if _, ok := r.(*pb.Conversation); ok && !run.DryRun {
							if g, err := run.Source.Get(ctx, "toolgrant/ada/refund"); err == nil {
								if _, err := rt.Get(ctx, "toolgrant/ada/refund"); err != nil {
									if _, err := w.Write(ctx, g); err != nil {
										return replay.Receipt{}, err
									}
								}
							}
						}
						return w.Write(ctx, r)
					}}, err
				}
			}),
		},
		"target: again is the same": {
			func() Harness {
				h := targeted(&memstate.RuntimeOptions{OwnIDs: true}, nil)
				h.OwnIDs = false // is not as it says
				return h
			}(),
		},
		"target: a conflict stays": {
			targeted(plain, func(t *target) {
				t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
					w, err := rt.Begin(ctx, run)
					return writes{w, func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
						rc, err := w.Write(ctx, r)
						if rc.Action == replay.Conflict && !run.DryRun {
							rt.Set(r) // the archive knows better
							rc.Action = replay.Updated
						}
						return rc, err
					}}, err
				}
			}),
			targeted(plain, writing(func(ctx context.Context, w replay.Writer, r agentstate.Record) (replay.Receipt, error) {
				rc, err := w.Write(ctx, r)
				if rc.Action == replay.Conflict {
					rc.Action = replay.Same // looks at the key alone
				}
				return rc, err
			})),
		},
		"target: broken and resumed": {
			targeted(&memstate.RuntimeOptions{OwnIDs: true}, func(t *target) { // does not look for what is in doubt
				t.begin = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run) (replay.Writer, error) {
					careless := *run
					careless.InDoubt = func(string) bool { return false }
					return rt.Begin(ctx, &careless)
				}
			}),
		},
		"target: undo": {
			targeted(plain, func(t *target) { // forgets one
				t.undo = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error) {
					return drivertest.Undo(ctx, rt, run, created[:max(0, len(created)-1)])
				}
			}),
			targeted(plain, func(t *target) { // says that it took nothing out, and took some
				t.undo = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error) {
					if ctx.Err() == nil {
						return drivertest.Undo(ctx, rt, run, created)
					}
					_, err := drivertest.Undo(ctx, rt, run, created[:min(1, len(created))])
					return nil, errors.Join(err, replay.Untouched(ctx.Err()))
				}
			}),
			targeted(plain, func(t *target) { // removes what was changed too
				t.undo = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error) {
					left, err := drivertest.Undo(ctx, rt, run, created)
					if err != nil {
						return nil, err
					}
					for i := range left {
						left[i].Version = "1"
					}
					_, err = drivertest.Undo(ctx, rt, run, left)
					return nil, err
				}
			}),
			targeted(plain, func(t *target) { // removes what it finds, whoever made it
				t.undo = func(ctx context.Context, rt *memstate.Runtime, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error) {
					if len(created) > 0 {
						return drivertest.Undo(ctx, rt, run, created)
					}
					_, err := drivertest.Undo(ctx, rt, run, []replay.Receipt{{Key: "memory/ada/0001", Target: "memory/ada/0001", Version: "0"}})
					return nil, err
				}
			}),
		},
	}
}
