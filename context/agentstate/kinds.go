package agentstate

import (
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Kinds are the kinds of this release that an archive holds, in canonical order: read in this
// order, every hard reference points back. Origin is first, Completeness last.
func Kinds() []string {
	return []string{
		"origin",
		"principal", "credential", "policy", "artifact", "toolserver", "tool", "toolgrant",
		"model", "skill", "agent", "trigger",
		"memoryspace", "memory", "revision", "entity", "relation",
		"conversation", "run", "message", "state",
		"channelvalue", "checkpoint", "pendingwrite", "interrupt", "embedding",
		"testsuite", "testcase", "testrun",
		"opaque", "tombstone", "gap", "completeness",
	}
}

// StateKinds are the kinds that carry state: Kinds without the control records and tombstones.
// A source must speak of each of them in its Completeness.
func StateKinds() []string {
	return slices.DeleteFunc(Kinds(), func(k string) bool { return !IsState(k) })
}

// IsState tells whether kind carries state. Kinds of later releases do.
func IsState(kind string) bool {
	switch kind {
	case "origin", "gap", "completeness", "mark", "tombstone":
		return false
	}
	return true
}

// IsAuthority tells whether kind gives power: replay always writes it disarmed, and a field in
// it that is not understood quarantines it.
func IsAuthority(kind string) bool {
	switch kind {
	case "toolgrant", "policy", "trigger", "credential", "toolserver", "tool":
		return true
	}
	return false
}

// New makes an empty record of kind; *exitrampv1.Unknown for kinds of later releases.
func New(kind string) Record {
	switch kind {
	case "origin":
		return new(pb.Origin)
	case "principal":
		return new(pb.Principal)
	case "credential":
		return new(pb.Credential)
	case "policy":
		return new(pb.Policy)
	case "artifact":
		return new(pb.Artifact)
	case "toolserver":
		return new(pb.ToolServer)
	case "tool":
		return new(pb.Tool)
	case "toolgrant":
		return new(pb.ToolGrant)
	case "model":
		return new(pb.Model)
	case "skill":
		return new(pb.Skill)
	case "agent":
		return new(pb.Agent)
	case "trigger":
		return new(pb.Trigger)
	case "memoryspace":
		return new(pb.MemorySpace)
	case "memory":
		return new(pb.Memory)
	case "revision":
		return new(pb.Revision)
	case "entity":
		return new(pb.Entity)
	case "relation":
		return new(pb.Relation)
	case "conversation":
		return new(pb.Conversation)
	case "run":
		return new(pb.Run)
	case "message":
		return new(pb.Message)
	case "state":
		return new(pb.State)
	case "channelvalue":
		return new(pb.ChannelValue)
	case "checkpoint":
		return new(pb.Checkpoint)
	case "pendingwrite":
		return new(pb.PendingWrite)
	case "interrupt":
		return new(pb.Interrupt)
	case "embedding":
		return new(pb.Embedding)
	case "testsuite":
		return new(pb.TestSuite)
	case "testcase":
		return new(pb.TestCase)
	case "testrun":
		return new(pb.TestRun)
	case "opaque":
		return new(pb.Opaque)
	case "tombstone":
		return new(pb.Tombstone)
	case "gap":
		return new(pb.Gap)
	case "completeness":
		return new(pb.Completeness)
	case "mark":
		return new(pb.Mark)
	}
	return new(pb.Unknown)
}

// IsHard tells whether the reference field of kind, named as in the schema, must not dangle:
// what it names stands before the record in every stream. All others are soft: they may
// dangle, and are counted.
func IsHard(kind, field string) bool {
	switch kind + "." + field {
	case "message.conversation_key", "checkpoint.conversation_key", "channelvalue.conversation_key",
		"interrupt.conversation_key", "memory.space_key", "testcase.suite_key":
		return true
	}
	return false
}
