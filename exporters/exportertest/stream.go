package exportertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// patience is how long a driver may take to do at once what it has to do at once.
const patience = 3 * time.Second

func streamRules() []Rule {
	return []Rule{
		{"origin first", "a target decides by the origin whether it can take native bytes, before it sees any", originFirst},
		{"statement last", "a stream that was cut short must not look whole", statementLast},
		{"every kind spoken of", "a kind that nobody mentions was forgotten, and nobody knows: the archive ends UNKNOWN", spoken},
		{"counts are true", "the verdict rests on what the source says that it saw", counts},
		{"hard references precede", "archives and targets read once, in order: what a record belongs to must be there before it", hardFirst},
		{"break", "whoever stops reading has closed what the driver would write into", breaks},
		{"nothing left behind", "a goroutine that waits for a reader who has gone holds a connection for ever", leaks},
		{"cancel", "an export that is cancelled must say so: one that just stops looks whole", cancels},
		{"records are the caller's: later", "a record that changes after it was handed out was written wrongly, or not", kept},
		{"records are the caller's: change", "what the caller does to a record must not come back in another one", scribble},
		{"resume", "an export that was killed goes on from its last mark and ends with the same records", resume},
		{"kinds", "a reading of some kinds has all records of these, and an origin and a statement like any other", kinds},
	}
}

func originFirst(ctx context.Context, h Harness) error {
	r, err := once(ctx, h)
	if err != nil {
		return err
	}
	o, ok := r.recs[0].(*pb.Origin)
	if !ok {
		return fmt.Errorf("the first record is %T (%s)", r.recs[0], r.recs[0].GetMeta().GetKey())
	}
	if o.Product == "" {
		return errors.New("the origin names no product")
	}
	return nil
}

func statementLast(ctx context.Context, h Harness) error {
	r, err := once(ctx, h)
	if err != nil {
		return err
	}
	last := r.recs[len(r.recs)-1]
	if _, ok := last.(*pb.Completeness); !ok {
		return fmt.Errorf("the last record is %T (%s)", last, last.GetMeta().GetKey())
	}
	return nil
}

func spoken(ctx context.Context, h Harness) error {
	r, err := once(ctx, h)
	if err != nil || r.statement() == nil { // another rule's business
		return err
	}
	said := map[string]bool{}
	for _, k := range r.statement().Kinds {
		said[k.Kind] = k.Class != pb.KindCompleteness_CLASS_UNSPECIFIED
	}
	var missing []string
	for _, k := range agentstate.StateKinds() {
		if !said[k] {
			missing = append(missing, k)
		}
	}
	if missing != nil {
		return fmt.Errorf("the statement says nothing of %s (Emitter.AbsentOthers says that the runtime has none)", strings.Join(missing, ", "))
	}
	return nil
}

func counts(ctx context.Context, h Harness) error {
	r, err := once(ctx, h)
	if err != nil || r.statement() == nil {
		return err
	}
	t := r.tally()
	missing := map[string]uint64{}
	for _, g := range t.Gaps {
		missing[g.Kind] += g.Count
	}
	for _, k := range r.statement().Kinds {
		n := t.Records[k.Kind]
		switch k.Class {
		case pb.KindCompleteness_CLASS_ABSENT, pb.KindCompleteness_CLASS_EXCLUDED, pb.KindCompleteness_CLASS_UNSUPPORTED:
			if n > 0 {
				return fmt.Errorf("%s: %d records although it says %v", k.Kind, n, k.Class)
			}
		case pb.KindCompleteness_CLASS_DERIVED:
			if n != t.Views[k.Kind] {
				return fmt.Errorf("%s: said to be derived, and %d of %d records have no view_of_keys", k.Kind, n-t.Views[k.Kind], n)
			}
			fallthrough
		default:
			if n+missing[k.Kind] != k.Enumerated {
				return fmt.Errorf("%s: %d records and gaps of %d, but it says that it saw %d", k.Kind, n, missing[k.Kind], k.Enumerated)
			}
		}
	}
	return nil
}

func hardFirst(ctx context.Context, h Harness) error {
	r, err := once(ctx, h)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, rec := range r.recs {
		at[rec.GetMeta().GetKey()] = i
	}
	for i, rec := range r.recs {
		var bad error
		agentstate.Refs(rec, func(field, key string) {
			if !agentstate.IsHard(agentstate.KindOf(rec), field) || bad != nil {
				return
			}
			switch j, ok := at[key]; {
			case !ok:
				bad = fmt.Errorf("%s: its %s is %q, which never comes", rec.GetMeta().GetKey(), field, key)
			case j >= i:
				bad = fmt.Errorf("%s: its %s is %q, which comes after it", rec.GetMeta().GetKey(), field, key)
			}
		})
		if bad != nil {
			return bad
		}
	}
	return nil
}

// breaks stops the loop at some records and at the last.
func breaks(ctx context.Context, h Harness) error {
	r, err := whole(ctx, h)
	if err != nil {
		return err
	}
	n := len(r.recs) + len(r.marks)
	for _, stop := range []int{1, 2, n / 2, n - 1, n} {
		err := with(ctx, h, func(src agentstate.Source) error {
			return timely("break", func() error {
				i := 0
				for range src.Records(ctx, nil) {
					if i++; i >= stop {
						break
					}
				}
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("stopped at record %d of %d: %w", stop, n, err)
		}
	}
	return nil
}

// timely runs f, which has to end at once, and catches the panic of a driver that yields after the
// loop has ended.
func timely(what string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("goes on after the loop has ended: %v", p)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("does not return within %v after %s", patience, what)
	}
}

// leaks marks the goroutines that the driver starts with a label, breaks off and looks for them.
func leaks(ctx context.Context, h Harness) error {
	label := fmt.Sprintf("exportertest-%d", time.Now().UnixNano())
	var err error
	pprof.Do(ctx, pprof.Labels("exportertest", label), func(ctx context.Context) {
		err = with(ctx, h, func(src agentstate.Source) error {
			i := 0
			defer func() { _ = recover() }() // to go on after the end is another rule's business
			for range src.Records(ctx, nil) {
				if i++; i > 1 {
					break
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			return err
		}
		i := strings.Index(b.String(), label)
		if i < 0 {
			return nil
		}
		if time.Now().After(end) {
			stack, _, _ := strings.Cut(b.String()[i:], "\n\n")
			return fmt.Errorf("a goroutine is left after break and Close:\n%s", stack)
		}
	}
}

func cancels(ctx context.Context, h Harness) error {
	r, err := whole(ctx, h)
	if err != nil {
		return err
	}
	for _, stop := range []int{1, max(1, len(r.recs)/2)} {
		err := with(ctx, h, func(src agentstate.Source) error {
			cctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return timely("cancel", func() error {
				var last error
				n, after := 0, 0
				for _, err := range src.Records(cctx, nil) {
					if last = err; err != nil {
						continue
					}
					if n >= stop {
						after++
					}
					if n++; n == stop {
						cancel()
					}
				}
				switch {
				case last == nil && after == 0:
					return errors.New("stops without an error")
				case after > 1:
					return fmt.Errorf("yields %d more records", after)
				case !errors.Is(last, context.Canceled):
					return fmt.Errorf("ends with %v, not with the error of the context", last)
				}
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("cancelled at record %d: %w", stop, err)
		}
	}
	return nil
}

// kept holds every record until the end and looks at it again.
func kept(ctx context.Context, h Harness) error {
	return with(ctx, h, func(src agentstate.Source) error {
		var recs []agentstate.Record
		var then [][]byte
		for r, err := range src.Records(ctx, nil) {
			if err != nil {
				return err
			}
			recs, then = append(recs, r), append(then, wire(r))
		}
		for i, r := range recs {
			if !bytes.Equal(wire(r), then[i]) {
				return fmt.Errorf("record %d (%s) changed after it was yielded: a buffer or a message is used again", i, r.GetMeta().GetKey())
			}
		}
		return nil
	})
}

// scribble spoils every record as it comes, and reads the same source again.
func scribble(ctx context.Context, h Harness) error {
	clean, err := whole(ctx, h)
	if err != nil {
		return err
	}
	var want []string
	for _, r := range clean.recs {
		if agentstate.IsState(agentstate.KindOf(r)) {
			want = append(want, agentstate.KindOf(r)+" "+shape(r))
		}
	}
	return with(ctx, h, func(src agentstate.Source) error {
		var runs [2][]string
		for i := range runs {
			for r, err := range src.Records(ctx, nil) {
				if err != nil {
					return err
				}
				if agentstate.IsState(agentstate.KindOf(r)) {
					runs[i] = append(runs[i], agentstate.KindOf(r)+" "+shape(r))
				}
				spoil(r.ProtoReflect())
			}
		}
		for i, got := range runs {
			if d := first(want, got); d != "" {
				return fmt.Errorf("reading %d, with every record spoiled by the caller, differs %s", i+1, d)
			}
		}
		return nil
	})
}

// shape is what spoiling changes, and what does not differ from reading to reading: which fields
// are set, and how long they are.
func shape(r agentstate.Record) string {
	n := 0
	r.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		n++
		return true
	})
	return fmt.Sprintf("with %d fields, %d bytes", n, proto.Size(r))
}

// spoil empties m and all that is in it, in place.
func spoil(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				spoil(v.List().Get(i).Message())
			}
			v.List().Truncate(0)
		case fd.IsList():
			v.List().Truncate(0)
		case fd.Message() != nil:
			spoil(v.Message())
		case fd.Kind() == protoreflect.BytesKind:
			clear(v.Bytes())
		}
		m.Clear(fd)
		return true
	})
}
