// Package corpus makes agent state for measurements: deterministic, with native bytes, shaped
// like what runtimes write. Record i depends on the seed and i alone, but for
// the spaces of memories, which come before their first memory.
package corpus

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Mix says what a corpus is made of.
type Mix struct {
	Name    string
	Vectors float64 // share of memories that have a vector of 1,536 float32
	Only    bool    // memories and vectors only
}

// Mixes are the three corpora of the goals.
func Mixes() []Mix {
	return []Mix{{"text", 0, false}, {"mixed", 0.1, false}, {"vectors", 1, true}}
}

// Records yields n records of mix. Of what they belong to, 97.3 % are memories, 2.6 % conversations
// of 4 to 28 messages, and 0.1 % threads of some six checkpoints with a growing list of messages.
// All records count: messages, values of checkpoints and embeddings too.
func Records(mix Mix, n int, seed uint64) iter.Seq[agentstate.Record] {
	return func(yield func(agentstate.Record) bool) {
		g := &gen{words: vocabulary(seed), mix: mix, seed: seed, spaces: map[string]bool{}}
		left := n
		put := func(r agentstate.Record) bool { left--; return yield(r) }
		for i := 0; left > 0; i++ {
			for _, r := range g.group(i) {
				if left == 0 || !put(r) {
					return
				}
			}
		}
	}
}

type gen struct {
	words []string
	mix   Mix
	seed  uint64
	r     *rand.Rand

	spaces map[string]bool // of which the record is out; at most 5,000
}

// group is one unit of work: a memory with its vector, a conversation with its messages, or a
// run of checkpoints.
func (g *gen) group(i int) []agentstate.Record {
	g.r = rand.New(rand.NewPCG(g.seed, uint64(i)))
	switch p := g.r.IntN(1000); {
	case g.mix.Only || p < 973:
		return g.memory(i)
	case p < 999:
		return g.conversation(i)
	default:
		return g.checkpoints(i)
	}
}

const epoch = 1_790_000_000_000_000_000 // ns; September 2026

func (g *gen) time(i int) int64 { return epoch + int64(i)*1_700_000_000 + g.r.Int64N(1_000_000_000) }

// id is a version 7 UUID of the record's time.
func (g *gen) id(i int) string {
	ms := uint64(g.time(i) / 1e6)
	a, b := g.r.Uint64(), g.r.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", ms>>16, ms&0xffff, a&0xfff, 0x8000|b&0x3fff, b>>16)
}

func (g *gen) memory(i int) []agentstate.Record {
	id, user := g.id(i), fmt.Sprintf("u-%04d", g.zipf(5000))
	text := g.text(80 + g.r.IntN(520))
	at := g.time(i)
	created := fmt.Sprintf("2026-11-%02d %02d:%02d:%02d.%06d+00", 1+g.r.IntN(28), g.r.IntN(24), g.r.IntN(60), g.r.IntN(60), g.r.IntN(1e6))
	value := fmt.Sprintf(`{"text": %q, "kind": %q, "importance": %d, "source": "chat", "entities": [%q, %q]}`,
		text, g.pick("preference", "fact", "episode", "rule"), g.r.IntN(10), g.word(), g.word())
	m := &pb.Memory{
		Meta:     agentstate.Meta("memory", nil, "users."+user+".memories", id),
		SpaceKey: agentstate.Key("memoryspace", "users."+user+".memories"),
		Name:     id, Form: pb.Memory_FORM_SEMANTIC,
		Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(value))},
		Tags:    []string{g.word(), g.word()},
	}
	m.Meta.CreatedUnixNano, m.Meta.UpdatedUnixNano = at, at
	m.Meta.Labels = []*pb.Label{{Name: "agent", Value: fmt.Sprintf("support-%d", g.zipf(12))}, {Name: "run", Value: g.id(i)[:13]}}
	m.Meta.Native = []*pb.Native{row("store",
		str("prefix", "users."+user+".memories"), str("key", id), ref("value", "jsonb", "#data"),
		typed("created_at", "timestamptz", created), typed("updated_at", "timestamptz", created), null("expires_at"), null("ttl_minutes"))}
	var out []agentstate.Record
	if !g.spaces[user] {
		g.spaces[user] = true
		out = append(out, &pb.MemorySpace{Meta: &pb.Meta{Key: m.SpaceKey}, Path: []string{"users", user, "memories"}})
	}
	out = append(out, m)
	if g.r.Float64() < g.mix.Vectors {
		out = append(out, g.embedding(m, id, user))
	}
	return out
}

func (g *gen) embedding(m *pb.Memory, id, user string) *pb.Embedding {
	e := &pb.Embedding{
		Meta:  agentstate.Meta("embedding", nil, "users."+user+".memories", id, "text"),
		OfKey: m.Meta.Key, Field: "text", Model: "embed-1", Dimensions: 1536,
		Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(1536),
	}
	e.Meta.Native = []*pb.Native{row("store_vectors", str("prefix", "users."+user+".memories"),
		str("key", id), str("field_name", "text"), ref("embedding", "vector", "#vector"))}
	return e
}

func (g *gen) conversation(i int) []agentstate.Record {
	th := g.id(i)
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, th), Title: g.text(40)}
	out := []agentstate.Record{c}
	parent := ""
	for k := range 4 + g.r.IntN(25) {
		mid := fmt.Sprintf("msg-%s-%d", th[:8], k)
		m := &pb.Message{
			Meta:            agentstate.Meta("message", nil, th, mid),
			ConversationKey: c.Meta.Key, ParentKey: parent, Position: uint64(k + 1), NativeId: mid,
		}
		m.Meta.CreatedUnixNano = g.time(i) + int64(k)*1e9
		t := g.text(60 + g.r.IntN(600))
		line := ""
		switch k % 4 {
		case 0:
			m.Role = pb.Role_ROLE_USER
			m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: t}}}
			line = fmt.Sprintf(`{"type":"message","id":%q,"role":"user","content":[{"type":"input_text","text":%q}]}`, mid, t)
		case 1:
			m.Role = pb.Role_ROLE_ASSISTANT
			args := fmt.Sprintf(`{"query":%q,"limit":%d}`, g.text(30), g.r.IntN(50))
			m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "call_" + mid, Name: g.pick("search", "lookup_order", "refund"), ArgumentsJson: []byte(args)}}}}
			line = fmt.Sprintf(`{"type":"function_call","id":%q,"call_id":%q,"name":"search","arguments":%q}`, mid, "call_"+mid, args)
		case 2:
			m.Role = pb.Role_ROLE_TOOL
			m.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "call_" + mid, Output: agentstate.Inline("application/json", []byte(`{"result":"`+t+`"}`))}}}}
			line = fmt.Sprintf(`{"type":"function_call_output","call_id":%q,"output":"{\"result\":%q}"}`, "call_"+mid, t)
		case 3:
			m.Role, m.Model = pb.Role_ROLE_ASSISTANT, "model-1"
			m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: t}}}
			line = fmt.Sprintf(`{"type":"message","id":%q,"role":"assistant","content":[{"type":"output_text","text":%q}]}`, mid, t)
		}
		m.Meta.Native = []*pb.Native{agentstate.Document("item", "application/json", []byte(line))}
		parent = m.Meta.Key
		out = append(out, m)
	}
	return out
}

// checkpoints is a thread whose list of messages grows from one to the next.
func (g *gen) checkpoints(i int) []agentstate.Record {
	th := g.id(i)
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, th)}
	out := []agentstate.Record{c}
	var list []string
	parent := ""
	for k := range 4 + g.r.IntN(5) {
		list = append(list, fmt.Sprintf(`{"lc":1,"type":"constructor","id":["langchain_core","messages","%s"],"kwargs":{"content":%q,"id":%q,"additional_kwargs":{},"response_metadata":{}}}`,
			g.pick("HumanMessage", "AIMessage", "ToolMessage"), g.text(100+g.r.IntN(400)), g.id(i)))
		ver := fmt.Sprintf("%032d.%016d", k+1, g.r.Int64N(1e16))
		v := &pb.ChannelValue{Meta: agentstate.Meta("channelvalue", nil, th, "", "messages", ver), Channel: "messages", Version: ver,
			Serializer: "json", ConversationKey: c.Meta.Key, Value: agentstate.Inline("application/json", []byte("["+strings.Join(list, ",")+"]"))}
		v.Meta.Native = []*pb.Native{row("checkpoint_blobs", str("thread_id", th), str("checkpoint_ns", ""), str("channel", "messages"),
			str("version", ver), str("type", "json"), ref("blob", "bytea", "#value"))}
		id := g.id(i)
		cp := &pb.Checkpoint{Meta: agentstate.Meta("checkpoint", nil, th, "", id), ConversationKey: c.Meta.Key, ParentKey: parent, NativeId: id,
			Source: "loop", Channels: []*pb.ChannelRef{{Channel: "messages", Version: ver, ValueKey: v.Meta.Key}}, ReplayClass: pb.ReplayClass_REPLAY_CLASS_SAME_RUNTIME}
		doc := fmt.Sprintf(`{"v": 4, "id": %q, "ts": "2026-11-23T02:44:38.%06dZ", "versions_seen": {"agent": {"branch:to:agent": %q}}, "channel_versions": {"messages": %q}}`, id, g.r.IntN(1e6), ver, ver)
		cp.Meta.Native = []*pb.Native{row("checkpoints", str("thread_id", th), str("checkpoint_ns", ""), str("checkpoint_id", id),
			typed("checkpoint", "jsonb", doc), typed("metadata", "jsonb", fmt.Sprintf(`{"step": %d, "source": "loop", "parents": {}}`, k)))}
		parent = cp.Meta.Key
		out = append(out, v, cp)
	}
	return out
}

// vector is of unit length, near one of 512 centres, with a few large dimensions, as real
// models give.
func (g *gen) vector(dim int) []byte {
	centre := rand.New(rand.NewPCG(g.seed, 1<<40+uint64(g.r.IntN(512))))
	f := make([]float64, dim)
	sum := 0.0
	for d := range f {
		f[d] = centre.NormFloat64() + 0.6*g.r.NormFloat64()
		if d%197 == 3 {
			f[d] *= 6
		}
		sum += f[d] * f[d]
	}
	out := make([]byte, 4*dim)
	for d, x := range f {
		binary.LittleEndian.PutUint32(out[4*d:], math.Float32bits(float32(x/math.Sqrt(sum))))
	}
	return out
}
