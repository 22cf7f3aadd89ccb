package replay

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A guard decides which records a target never gets to see. It is the reason why a runtime is
// written through this package alone.
type guard struct {
	exact    bool // views are left out
	approved map[string]bool
	idle     map[string]bool      // of them: nothing waited under it so far
	by       map[string]*Approval // those that a person signed
	dead     map[string]bool
	gone     *gone             // all that goes with dead; nil: nothing does, or only what among tells
	hold     map[string]bool   // under a legal hold
	denied   map[string]string // approved grants, and what limits each and is not
	// missing are the conversations, spaces and suites that were not written: what belongs to
	// them is not written either. One entry for each such parent, not for its children.
	missing map[string]string
	types   map[string]protoreflect.MessageDescriptor // by kind
}

func newGuard(o *Options, exact bool) *guard {
	g := &guard{
		exact: exact, approved: set(o.Approved), by: map[string]*Approval{}, dead: set(o.Tombstones), hold: set(o.Holds),
		missing: map[string]string{}, types: map[string]protoreflect.MessageDescriptor{},
	}
	for i, a := range o.Approvals {
		g.approved[a.Key], g.by[a.Key] = true, &o.Approvals[i]
	}
	g.idle = maps.Clone(g.approved)
	return g
}

func set(keys []string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// Reasons that other code looks for.
const (
	whyView        = "a view: what it is a reading of arrives whole"
	whyTombstone   = "must not be revived"
	whyDeletion    = "a deletion: there is nothing to write"
	whyHold        = "it must not be revived, and is under a legal hold: a person decides"
	whyWaits       = "waits"
	whyQuarantined = "quarantined: "
	whyDenied      = " may deny some of what it allows, or ask first, and stays off"
	whyApproval    = ": waits for a person's approval"
)

// stop answers for a record that the target must not see; false: the target answers.
func (g *guard) stop(r agentstate.Record) (Receipt, bool) {
	key := r.GetMeta().GetKey()
	kind := agentstate.KindOfKey(key)
	rc := Receipt{Key: key}
	if _, ok := r.(*pb.Unknown); ok {
		rc.Action, rc.Why = Skipped, "a kind of a later release"
		return rc, true
	}
	if g.types[kind] == nil {
		g.types[kind] = agentstate.New(kind).ProtoReflect().Descriptor()
	}
	if g.types[kind] != r.ProtoReflect().Descriptor() {
		rc.Action = Refused
		rc.Why = fmt.Sprintf("its key says %s, and it is a %s", kind, r.ProtoReflect().Descriptor().Name())
		return rc, true
	}
	if _, ok := r.(*pb.Tombstone); ok {
		rc.Action, rc.Why, rc.NoLoss = Skipped, whyDeletion, true
		return rc, true
	}
	if why := g.erased(r); why != "" {
		if len(g.hold) > 0 && g.among(r, g.hold, whyWaits) != "" {
			rc.Action, rc.Why = Held, whyHold
			rc.Losses = []fidelity.Loss{{Key: key, Grade: fidelity.Quarantined, Why: whyHold}}
			return rc, true
		}
		rc.Action, rc.Why, rc.NoLoss = Skipped, why, true
		return rc, true
	}
	if g.exact && len(r.GetMeta().GetViewOfKeys()) > 0 {
		rc.Action, rc.Why, rc.NoLoss = Skipped, whyView, true
		return rc, true
	}
	what := power(r)
	if what != "" {
		delete(g.idle, key)
	}
	if what != "" || kind == "agent" || kind == "skill" { // a newer field of these may be what gives power
		if why := alien(r); why != "" {
			rc.Action, rc.Why = Held, whyQuarantined+why
			rc.Losses = []fidelity.Loss{{Key: key, Grade: fidelity.Quarantined, Why: why}}
			return rc, true
		}
		if what != "" && !g.approved[key] && !g.withOwner(r) {
			rc.Action, rc.Why = Held, what+whyApproval
			rc.Losses = []fidelity.Loss{{Key: key, Grade: fidelity.Quarantined, Why: "not approved"}}
			return rc, true
		}
		if by := g.denied[key]; by != "" {
			rc.Action, rc.Why = Held, by+whyDenied+whyApproval
			rc.Losses = []fidelity.Loss{{Key: key, Grade: fidelity.Quarantined, Why: by + whyDenied}}
			return rc, true
		}
	}
	return g.late(r)
}

// late is stop for what only the answers of records before r, in its own batch, can have changed.
func (g *guard) late(r agentstate.Record) (Receipt, bool) {
	why, held := g.orphan(r)
	if why == "" {
		return Receipt{}, false
	}
	rc := Receipt{Key: r.GetMeta().GetKey(), Action: Refused, Why: why}
	if held {
		rc.Action = Held // the next attempt asks for both
	}
	return rc, true
}

// erased says that r must not be revived: a tombstone speaks of it, or of what says the same words.
func (g *guard) erased(r agentstate.Record) string {
	if g.gone.has(r.GetMeta().GetKey()) {
		return whyTombstone
	}
	return g.among(r, g.dead, whyTombstone)
}

// note remembers parents that were not written.
func (g *guard) note(rc Receipt) {
	switch agentstate.KindOfKey(rc.Key) {
	case "conversation", "memoryspace", "testsuite":
	default:
		return
	}
	switch {
	case rc.Action == Refused:
		g.missing[rc.Key] = "was not written"
	case rc.Action == Held:
		g.missing[rc.Key] = whyWaits
	case rc.Action == Skipped && rc.Why == whyTombstone:
		g.missing[rc.Key] = whyTombstone
	}
}

// among says that r is one of keys: itself, by its subject, or by what it belongs to. A parent that was
// left out for why takes its children with it.
func (g *guard) among(r agentstate.Record, keys map[string]bool, why string) string {
	m := r.GetMeta()
	if keys[m.GetKey()] {
		return why
	}
	for _, s := range m.GetSubjectKeys() {
		if keys[s] {
			return why
		}
	}
	parent, of := belongs(r)
	if keys[parent] || g.missing[parent] == why || keys[of] { // or history, vectors and memories of what was erased
		return why
	}
	if r, ok := r.(*pb.Relation); ok && (keys[r.FromKey] || keys[r.ToKey]) { // which it names
		return why
	}
	return ""
}

// Names are the keys by which a tombstone may speak of r: its own, its subjects', and of what it belongs to.
func Names(r agentstate.Record) []string {
	parent, of := belongs(r)
	names := append([]string{r.GetMeta().GetKey(), parent, of}, r.GetMeta().GetSubjectKeys()...)
	if r, ok := r.(*pb.Relation); ok {
		names = append(names, r.FromKey, r.ToKey)
	}
	return names
}

func (g *guard) orphan(r agentstate.Record) (why string, held bool) {
	if len(g.missing) == 0 {
		return "", false
	}
	parent, _ := belongs(r)
	if why := g.missing[parent]; why != "" {
		return fmt.Sprintf("%s, which it belongs to, %s", parent, why), why == whyWaits
	}
	return "", false
}

// belongs is the key of the record that r belongs to, by its only hard reference, and of the one that
// it is the history or the vector of, or that a memory is read out of. Plain code: this is asked of every record, more than once.
func belongs(r agentstate.Record) (parent, of string) {
	switch r := r.(type) {
	case *pb.Message:
		parent = r.ConversationKey
	case *pb.Checkpoint:
		parent = r.ConversationKey
	case *pb.ChannelValue:
		parent = r.ConversationKey
	case *pb.Interrupt:
		parent = r.ConversationKey
	case *pb.Memory:
		parent = r.SpaceKey
		if views := r.Meta.GetViewOfKeys(); len(views) > 0 {
			of = views[0] // it says the same words
		}
	case *pb.TestCase:
		parent = r.SuiteKey
	case *pb.Revision:
		of = r.OfKey
	case *pb.Embedding:
		of = r.OfKey
	}
	return parent, of
}

// withOwner tells whether r is a file of a skill or policy that a person approved: it comes with it.
func (g *guard) withOwner(r agentstate.Record) bool {
	a, ok := r.(*pb.Artifact)
	return ok && empowers(a.OwnerKey) && g.approved[a.OwnerKey]
}

// empowers tells whether the files of owner have the power that it has: those of a skill, and of the policy that is the
// manifest of a plugin.
func empowers(owner string) bool {
	kind := agentstate.KindOfKey(owner)
	return kind == "skill" || kind == "policy"
}

// power says what gives r authority in a runtime; empty: nothing does.
func power(r agentstate.Record) string {
	if k := agentstate.KindOf(r); agentstate.IsAuthority(k) {
		return "a " + k + " gives power"
	}
	switch r := r.(type) {
	case *pb.Message:
		if agentstate.FromOperator(r) {
			return "words of the operator"
		}
	case *pb.Agent:
		if r.Instructions != nil || r.Definition != nil {
			return "instructions of an agent"
		}
	case *pb.Skill:
		if r.Instructions != nil {
			return "instructions of a skill"
		}
	case *pb.Artifact:
		if empowers(r.OwnerKey) {
			return "a file of " + r.OwnerKey
		}
		for _, l := range r.Meta.GetLabels() {
			if l.Name == "mode" && l.Value == "executable" {
				return "a program"
			}
		}
	}
	return ""
}

// alien says what in r is not understood; empty: all is.
func alien(r agentstate.Record) string {
	if g, ok := r.(*pb.ToolGrant); ok && g.Effect == pb.ToolGrant_EFFECT_UNSPECIFIED {
		return "its effect is not understood"
	}
	return alienIn(r.ProtoReflect())
}

func alienIn(m protoreflect.Message) string {
	if len(m.GetUnknown()) > 0 {
		return fmt.Sprintf("%s has a field of a later release", m.Descriptor().Name())
	}
	why := ""
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			switch {
			case why != "":
			case fd.Message() != nil:
				why = alienIn(v.Message())
			case fd.Enum() != nil && fd.Enum().Values().ByNumber(v.Enum()) == nil:
				why = fmt.Sprintf("%s has value %d, which a later release gave a meaning", fd.Name(), v.Enum())
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else {
			one(v)
		}
		return why == ""
	})
	return why
}
