package cassette

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var (
	_ agentstate.Source     = (*Recorder)(nil)
	_ agentstate.BlobSource = (*Recorder)(nil)
)

// Records yields what was recorded: models, conversations with their runs and messages, and one
// TestRun a conversation. What passed and could not be kept is a Gap.
func (r *Recorder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		e := agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "exitramp-cassette", Flavor: r.o.Name, Location: r.upstream.Host})
		if opts != nil && len(opts.Cursor) > 0 {
			e.Fail(fmt.Errorf("cassette: %w", agentstate.ErrCursor))
			return
		}
		models := map[string]string{}
		var exchanges, messages, tests uint64
		all := r.conversations()
		for _, c := range all {
			for _, x := range c.exchanges {
				if x.requested+x.served != "" {
					models[modelKey(x)] = x.requested + "\x00" + x.served
				}
			}
			exchanges, messages = exchanges+uint64(len(c.exchanges)), messages+uint64(c.messages)
			if !c.embeds {
				tests++
			}
		}
		for _, k := range slices.Sorted(maps.Keys(models)) {
			requested, served, _ := strings.Cut(models[k], "\x00")
			e.Put(&pb.Model{Meta: &pb.Meta{Key: k}, RequestedId: valid(requested), ServedId: valid(served)})
		}
		for _, c := range all {
			if !r.put(e, c) {
				return
			}
		}
		missing := r.missing()
		for _, why := range slices.Sorted(maps.Keys(missing)) {
			e.Gap(&pb.Gap{Kind: "message", Place: why, Reason: pb.Gap_REASON_LIMIT, Count: missing[why], Detail: "it passed and cannot be played"})
		}
		const route, access = "requests that passed", "all went through this process"
		e.Reference("model", uint64(len(models)), route, access)
		e.Reference("conversation", tests, route, access)
		e.Reference("testrun", tests, route, access)
		e.Reference("run", exchanges, route, access)
		for _, n := range missing {
			messages += n
		}
		e.Reference("message", messages, route, access)
		e.AbsentOthers()
		e.Statement().Account = r.upstream.Host
		e.End(nil)
	}
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func modelKey(x *exchange) string { return agentstate.Key("model", x.requested, x.served) }

// put yields one conversation; false: stop.
func (r *Recorder) put(e *agentstate.Emitter, c *conversation) bool {
	id := []string{r.o.Name, strconv.Itoa(c.run), c.name()}
	conv := agentstate.Key("conversation", id...)
	key := func(i int) string { return agentstate.Key("message", append(id, strconv.Itoa(i+1))...) }
	began, ended := c.exchanges[0].began, c.exchanges[len(c.exchanges)-1].ended
	if c.embeds {
		_, ok := r.putRuns(e, c, "", id)
		return ok
	}
	k := &pb.Conversation{Meta: &pb.Meta{Key: conv, CreatedUnixNano: agentstate.UnixNano(began)}, HeadKey: key(c.messages - 1)}
	k.Title = fmt.Sprintf("%s, run %d, %s", valid(r.o.Name), c.run, c.name())
	if !e.Put(k) {
		return false
	}
	run, ok := r.putRuns(e, c, conv, id)
	if !ok {
		return false
	}
	t := &pb.TestRun{Meta: agentstate.Meta("testrun", nil, id...), StartedUnixNano: agentstate.UnixNano(began), EndedUnixNano: agentstate.UnixNano(ended), ModelKey: modelKey(c.exchanges[len(c.exchanges)-1])}
	for i := range c.messages {
		m, err := r.kept.message(c, i)
		if err != nil {
			e.Fail(err)
			return false
		}
		m.Meta.Key, m.ConversationKey, m.Position, m.RunKey = key(i), conv, uint64(i+1), run[i]
		if i > 0 {
			m.ParentKey = key(i - 1)
		}
		t.MessageKeys = append(t.MessageKeys, m.Meta.Key)
		if text, _ := said(m.Parts); i == c.messages-1 && text != "" && !c.failed {
			t.Output = agentstate.Inline(harness.PlainText, []byte(text))
		}
		if !e.Put(spilled(m, m.Meta.Key)) {
			return false
		}
	}
	return e.Put(spilled(t, t.Meta.Key))
}

// putRuns yields the runs of a conversation, and says which message each of them said; false: stop.
func (r *Recorder) putRuns(e *agentstate.Emitter, c *conversation, conv string, id []string) (map[int]string, bool) {
	run := map[int]string{}
	for i, x := range c.exchanges {
		m := &pb.Run{Meta: &pb.Meta{Key: agentstate.Key("run", append(id, strconv.Itoa(i+1))...)}, ConversationKey: conv, Status: "completed",
			ModelKey: modelKey(x), StartedUnixNano: agentstate.UnixNano(x.began), EndedUnixNano: agentstate.UnixNano(x.ended)}
		usage, err := r.kept.get(c, "usage", i)
		if err == nil && len(usage) > 0 {
			m.Usage = agentstate.Inline(harness.JSON, usage)
		}
		if err == nil {
			m.Meta.Native, err = r.beside(c, i)
		}
		if err != nil {
			e.Fail(err)
			return nil, false
		}
		if run[x.first] = m.Meta.Key; c.failed {
			m.Status = "failed"
		}
		if !e.Put(spilled(m, m.Meta.Key)) {
			return nil, false
		}
	}
	return run, true
}

// name tells a conversation from the others of its run.
func (c *conversation) name() string {
	switch {
	case c.failed:
		return "failed-" + strconv.Itoa(c.n)
	case c.embeds:
		return embeddingConversation
	}
	return strconv.Itoa(c.n)
}

// beside is what a run has beside it: the settings that were asked for, and the failure where it is one.
func (r *Recorder) beside(c *conversation, i int) ([]*pb.Native, error) {
	var out []*pb.Native
	at := i
	for at > 0 && !c.exchanges[at].settings {
		at--
	}
	for typ, at := range map[string]int{nativeSettings: at, nativeFailure: i, nativeEmbedded: i} {
		b, err := r.kept.get(c, typ, at)
		if err != nil {
			return nil, err
		}
		if len(b) > 0 {
			out = append(out, document(typ, b))
		}
	}
	slices.SortFunc(out, func(a, b *pb.Native) int { return strings.Compare(a.Type, b.Type) })
	return out, nil
}

// spilled is r with its long data beside it: a blob's name is the record's key and the place of the
// data in it.
func spilled(r agentstate.Record, key string) agentstate.Record {
	eachData(r, func(i int, d *pb.Data) {
		if len(d.GetInline()) > agentstate.SpillSize {
			d.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: key + "#" + strconv.Itoa(i)}}
		}
	})
	return r
}

// eachData calls fn for the data of a record of this package, in order.
func eachData(r agentstate.Record, fn func(i int, d *pb.Data)) {
	n := 0
	one := func(d *pb.Data) {
		if d != nil {
			fn(n, d)
		}
		n++
	}
	for _, x := range r.GetMeta().GetNative() {
		one(x.GetData())
	}
	switch r := r.(type) {
	case *pb.Message:
		for _, p := range r.Parts {
			one(p.GetData())
			one(p.GetToolResult().GetOutput())
			one(p.GetReasoning().GetOpaque())
		}
	case *pb.Run:
		one(r.Usage)
	case *pb.TestRun:
		one(r.Output)
	}
}

// OpenBlob opens the bytes that stand beside a record, while Records is read.
func (r *Recorder) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	key, at, _ := strings.Cut(b.GetId(), "#")
	_, parts := agentstate.SplitKey(key)
	var found []byte
	for _, c := range r.conversations() { // Records holds the lock
		if len(parts) < 3 || parts[1] != strconv.Itoa(c.run) || parts[2] != c.name() {
			continue
		}
		var rec agentstate.Record
		var err error
		switch n := 0; {
		case agentstate.KindOfKey(key) == "message" && len(parts) == 4:
			if n, _ = strconv.Atoi(parts[3]); n >= 1 && n <= c.messages {
				rec, err = r.kept.message(c, n-1)
			}
		case agentstate.KindOfKey(key) == "run" && len(parts) == 4:
			if n, _ = strconv.Atoi(parts[3]); n >= 1 && n <= len(c.exchanges) {
				run := &pb.Run{Meta: &pb.Meta{}}
				run.Meta.Native, err = r.beside(c, n-1)
				rec = run
			}
		case agentstate.KindOfKey(key) == "testrun":
			var last *pb.Message
			if last, err = r.kept.message(c, c.messages-1); err == nil {
				text, _ := said(last.Parts)
				rec = &pb.TestRun{Output: agentstate.Inline(harness.PlainText, []byte(text))}
			}
		}
		if err != nil {
			return nil, err
		}
		if rec != nil {
			eachData(rec, func(i int, d *pb.Data) {
				if strconv.Itoa(i) == at {
					found = d.GetInline()
				}
			})
		}
	}
	if found == nil {
		return nil, fmt.Errorf("cassette: %w: blob %s", agentstate.ErrNotFound, b.GetId())
	}
	return io.NopCloser(bytes.NewReader(found)), nil
}
