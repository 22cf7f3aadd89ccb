package memstate

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Sample is a small state with every kind that carries state, and with what breaks careless code:
// numbers at their limits, bytes that are not UTF-8, a document in pieces, a view, a blob, grants
// that give power and words of an operator. n memories and n messages are in it, at least three.
// It is the same each time.
func Sample(n int) *State {
	recs := append(power(), talk(max(n, 3))...)
	recs = append(recs, memories(max(n, 3))...)
	recs = append(recs, work()...)
	s := Whole("sample", recs...)
	if err := s.PutBlob(context.Background(), new(pb.Blob), bytes.NewReader(bigBytes())); err != nil {
		panic(err) // a bytes.Reader does not fail
	}
	return s
}

// bigBytes is more than a record holds itself.
func bigBytes() []byte {
	return bytes.Repeat([]byte("0123456789abcdef"), agentstate.SpillSize/16+1)
}

// bigBlob points at bigBytes.
func bigBlob() *pb.Blob {
	var b pb.Blob
	_ = new(State).PutBlob(context.Background(), &b, bytes.NewReader(bigBytes()))
	return &b
}

// row is a native row with every storage class.
func row(table, id string, cols ...*pb.Column) *pb.Native {
	cols = append([]*pb.Column{
		{Name: "id", Value: &pb.Column_Text{Text: []byte(id)}},
		{Name: "number", Value: &pb.Column_Integer{Integer: math.MinInt64}},
		{Name: "weight", Value: &pb.Column_Real{Real: 1e22}},
		{Name: "note", Value: &pb.Column_Text{Text: []byte("a\x00b\xff")}},
		{Name: "raw", Value: &pb.Column_Blob{Blob: []byte{0, 255}}},
		{Name: "none"},
	}, cols...)
	return &pb.Native{Type: table, Body: &pb.Native_Row{Row: &pb.Row{Columns: cols}}}
}

func json(s string) *pb.Data { return agentstate.Inline("application/json", []byte(s)) }

// power is who may do what.
func power() []agentstate.Record {
	m := agentstate.Meta
	return []agentstate.Record{
		&pb.Principal{Meta: m("principal", row("users", "ada"), "ada"), Form: pb.Principal_FORM_USER, Issuer: "https://id.example", Subject: "ada"},
		&pb.Credential{Meta: m("credential", nil, "orders"), Form: "oauth2", Scopes: []string{"orders:read"}, Location: "vault/orders", PrincipalKey: "principal/ada"},
		&pb.Policy{Meta: m("policy", nil, "refunds"), Language: "cedar", Text: agentstate.Inline("text/plain", []byte("permit(principal, action, resource);")), Enforced: true},
		&pb.Artifact{Meta: m("artifact", nil, "report"), Name: "report.txt", Data: &pb.Data{MediaType: "text/plain", Body: &pb.Data_Blob{Blob: bigBlob()}}, Size: uint64(len(bigBytes()))},
		&pb.ToolServer{Meta: m("toolserver", nil, "orders"), Name: "orders", Protocol: "mcp+http", Location: "https://tools.example/mcp", CredentialKeys: []string{"credential/orders"}},
		&pb.Tool{Meta: m("tool", nil, "refund"), Name: "refund", InputSchema: json(`{"type":"object"}`), ServerKey: "toolserver/orders"},
		&pb.ToolGrant{Meta: m("toolgrant", row("grants", "1"), "ada", "refund"), PrincipalKey: "principal/ada", ToolKey: "tool/refund",
			Effect: pb.ToolGrant_EFFECT_ALLOW, ApprovalMode: pb.ToolGrant_APPROVAL_MODE_ALWAYS, Enabled: true, PolicyKey: "policy/refunds"},
		&pb.Model{Meta: m("model", nil, "m1"), Provider: "example", RequestedId: "m-latest", ServedId: "m-2026-01", Parameters: json(`{"temperature":0.10000000000000001}`)},
		&pb.Skill{Meta: m("skill", nil, "refunds"), Name: "refunds", Instructions: agentstate.Inline("text/markdown", []byte("# Refunds")), ArtifactKeys: []string{"artifact/report"}},
		&pb.Agent{Meta: m("agent", nil, "support"), Name: "support", Instructions: agentstate.Inline("text/plain", []byte("You help.")), ModelKey: "model/m1", ToolKeys: []string{"tool/refund"}},
		&pb.Trigger{Meta: m("trigger", nil, "nightly"), Name: "nightly", Form: "cron", Expression: "0 3 * * *", AgentKey: "agent/support", Enabled: true},
	}
}

// talk is one conversation with its messages, and one that is a view.
func talk(n int) []agentstate.Record {
	m := agentstate.Meta
	head := agentstate.Key("message", "t1", fmt.Sprintf("%04d", n))
	out := []agentstate.Record{
		&pb.Conversation{Meta: m("conversation", row("threads", "t1"), "t1"), Title: "Größe 記憶", AgentKey: "agent/support", ParticipantKeys: []string{"principal/ada"}, HeadKey: head, Status: "waiting"},
		&pb.Conversation{Meta: &pb.Meta{Key: "conversation/v1", ViewOfKeys: []string{"checkpoint/t1/1"}}, Status: "finished"},
		&pb.Run{Meta: m("run", nil, "r1"), ConversationKey: "conversation/t1", StartedUnixNano: 1, InputTokens: math.MaxUint64},
	}
	parent := ""
	for i := range n {
		id := fmt.Sprintf("%04d", i+1)
		msg := &pb.Message{
			Meta: m("message", agentstate.Document("line", "application/json", []byte(`{"n":12345678901234567890,"id":"`+id+`"}`)), "t1", id), ConversationKey: "conversation/t1",
			ParentKey: parent, Position: uint64(i + 1), Role: pb.Role_ROLE_USER, NativeId: id,
			Parts: []*pb.Part{{Body: &pb.Part_Text{Text: fmt.Sprintf("order %d is late", i)}}},
		}
		switch i % 3 {
		case 1:
			msg.Role = pb.Role_ROLE_ASSISTANT
			msg.Parts = append(msg.Parts, &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c" + id, Name: "refund", ArgumentsJson: []byte(`{"text":"\ud800"}`)}}})
		case 2:
			msg.Role = pb.Role_ROLE_TOOL
			msg.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c" + id, Output: json(`1e+22`)}}}}
		}
		parent = msg.Meta.Key
		out = append(out, msg)
	}
	return append(out, &pb.Message{
		Meta: m("message", nil, "t1", "system"), ConversationKey: "conversation/t1", Role: pb.Role_ROLE_SYSTEM,
		Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "You help."}}},
	})
}

// memories is what the agent remembers.
func memories(n int) []agentstate.Record {
	m := agentstate.Meta
	out := []agentstate.Record{&pb.MemorySpace{Meta: m("memoryspace", nil, "users", "ada"), Path: []string{"users", "ada"}, OwnerKey: "principal/ada", EmbeddingModel: "e1", EmbeddingDimensions: 2}}
	for i := range n {
		id := fmt.Sprintf("%04d", i+1)
		mem := &pb.Memory{
			Meta: m("memory", row("store", id), "ada", id), SpaceKey: "memoryspace/users/ada", Name: id,
			Form: pb.Memory_FORM_SEMANTIC, Content: &pb.Memory_Text{Text: "likes tea " + id}, Tags: []string{"b", "a"},
		}
		mem.Meta.SubjectKeys, mem.Meta.CreatedUnixNano = []string{"principal/ada"}, 1700000000000000000+int64(i)
		out = append(out, mem, &pb.Embedding{
			Meta: m("embedding", nil, "ada", id), OfKey: mem.Meta.Key, Field: "text", Model: "e1", Dimensions: 2,
			Element: pb.Embedding_ELEMENT_FLOAT32, Vector: []byte{0, 0, 128, 63, 0, 0, 192, 127},
		})
	}
	return append(out,
		&pb.Revision{Meta: m("revision", nil, "ada", "1"), OfKey: "memory/ada/gone", Operation: "DELETE", Before: json(`{"text":"old"}`), Number: 1},
		&pb.Entity{Meta: m("entity", nil, "tea"), Name: "tea", Types: []string{"Drink"}},
		&pb.Relation{Meta: m("relation", nil, "1"), FromKey: "principal/ada", ToKey: "entity/tea", Type: "LIKES"},
	)
}

// work is what was under way. The row of the checkpoint is a document that cites the channel value.
func work() []agentstate.Record {
	m := agentstate.Meta
	doc := &pb.Column{Name: "checkpoint", Value: &pb.Column_Splice{Splice: &pb.Splice{Text: true, Pieces: []*pb.Piece{
		{Body: &pb.Piece_Literal{Literal: []byte(`{"values":{"x":`)}},
		{Body: &pb.Piece_At{At: "channelvalue/t1/x/1#value"}},
		{Body: &pb.Piece_Literal{Literal: []byte(`}}`)}},
	}}}}
	return []agentstate.Record{
		&pb.State{Meta: m("state", nil, "app"), Scope: "app", Value: json(`{"n":1e400}`)},
		&pb.ChannelValue{Meta: m("channelvalue", row("blobs", "x1", &pb.Column{Name: "value", Value: &pb.Column_At{At: "#value"}}), "t1", "x", "1"),
			Channel: "x", Version: "1", Serializer: "json", Value: json(`{"a":[1,2]}`), ConversationKey: "conversation/t1"},
		&pb.Checkpoint{Meta: m("checkpoint", row("checkpoints", "1", doc), "t1", "1"), ConversationKey: "conversation/t1", NativeId: "1",
			Channels: []*pb.ChannelRef{{Channel: "x", Version: "1", ValueKey: "channelvalue/t1/x/1"}}, ReplayClass: pb.ReplayClass_REPLAY_CLASS_SAME_RUNTIME},
		&pb.PendingWrite{Meta: m("pendingwrite", nil, "t1", "1", "0"), CheckpointKey: "checkpoint/t1/1", TaskId: "a", Index: -1, Channel: "__interrupt__", Value: json(`{"ask":"refund?"}`)},
		&pb.Interrupt{Meta: m("interrupt", nil, "t1", "i1"), ConversationKey: "conversation/t1", CheckpointKey: "checkpoint/t1/1", Question: json(`{"ask":"refund?"}`), Status: pb.Interrupt_STATUS_OPEN},
		&pb.TestSuite{Meta: m("testsuite", nil, "s"), Name: "smoke"},
		&pb.TestCase{Meta: m("testcase", nil, "s", "1"), SuiteKey: "testsuite/s", Input: json(`"hi"`)},
		&pb.TestRun{Meta: m("testrun", nil, "s", "1", "1"), CaseKey: "testcase/s/1", AgentKey: "agent/support"},
		&pb.Opaque{Meta: m("opaque", row("migrations", "1"), "migrations", "1")},
	}
}
