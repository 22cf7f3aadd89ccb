package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/internal/plainyaml"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrApproval: an approval is not signed by name and date, is of a record that is not there or is another than it
// says, or would let through more than the source had.
var ErrApproval = errors.New("replay: approval")

// An Approval is a person's word on one record that gives power. Scopes and effect may be narrower
// than the source's, never wider.
type Approval struct {
	Key       string   `yaml:"key" json:"key"`
	What      string   `yaml:"what" json:"what,omitempty"` // why it waits, for people
	Principal string   `yaml:"principal,omitempty" json:"principal,omitempty"`
	Tool      string   `yaml:"tool,omitempty" json:"tool,omitempty"` // key or pattern
	Before    []string `yaml:"scopes_before,flow,omitempty" json:"scopes_before,omitempty"`
	After     []string `yaml:"scopes_after,flow,omitempty" json:"scopes_after,omitempty"`
	Effect    string   `yaml:"effect,omitempty" json:"effect,omitempty"` // allow, ask or deny; empty: it has none
	By        string   `yaml:"approved_by" json:"approved_by,omitempty"`
	Date      string   `yaml:"date" json:"date,omitempty"` // 2026-11-28, or RFC 3339
}

// Denied tells whether a waits although somebody may have approved it: something that may deny the same stays off.
func (a *Approval) Denied() bool { return strings.HasSuffix(a.What, whyDenied) }

// ApprovalsHeader begins a file of approvals.
const ApprovalsHeader = `# What waits for a person, a line each. To let one through fill in approved_by and date (2026-11-28);
# leave both empty, and it stays off. scopes_after may name fewer scopes than scopes_before, and effect
# may be lowered: allow > ask > deny. Nothing is ever wider than it was. Then: --approve THIS-FILE
approvals:
`

// maxApprovals bounds a file of approvals, in bytes.
const maxApprovals = 32 << 20

// Line is a as a line of a file of approvals.
func (a Approval) Line() (string, error) {
	var n yaml.Node
	if err := n.Encode(a); err != nil {
		return "", err
	}
	n.Style = yaml.FlowStyle
	b, err := yaml.Marshal([]*yaml.Node{&n})
	return string(b), err
}

// IsApprovals tells a file of approvals from a list of keys.
func IsApprovals(b []byte) bool {
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return bytes.HasPrefix(line, []byte("approvals:"))
		}
	}
	return false
}

// ParseApprovals reads a file of approvals and returns those that a person has signed by name and
// date. One that is half signed, or of a day after now, is ErrApproval.
func ParseApprovals(b []byte, now time.Time) ([]Approval, error) {
	var file struct {
		Approvals []Approval `yaml:"approvals"`
	}
	if err := plainyaml.Decode(b, maxApprovals, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	seen := map[string]bool{}
	var out []Approval
	for _, a := range file.Approvals {
		a.By, a.Date = strings.TrimSpace(a.By), strings.TrimSpace(a.Date)
		bad := ""
		switch {
		case a.Key == "":
			bad = "it has no key"
		case seen[a.Key]:
			bad = "it stands there twice"
		case (a.By == "") != (a.Date == ""):
			bad = "want approved_by and date, or neither"
		case a.By != "":
			bad = notYet(a.Date, now)
		}
		if bad != "" {
			return nil, fmt.Errorf("%w: %.200s: %s", ErrApproval, a.Key, bad)
		}
		seen[a.Key] = true
		if a.By != "" {
			out = append(out, a)
		}
	}
	return out, nil
}

// notYet says what is wrong with the date of an approval. A day begins first where clocks are 14
// hours ahead.
func notYet(date string, now time.Time) string {
	at, err := time.Parse(time.DateOnly, date)
	if err == nil {
		at = at.Add(-14 * time.Hour)
	} else if at, err = time.Parse(time.RFC3339, date); err != nil {
		return fmt.Sprintf("date: want 2026-11-28, got %.40q", date)
	}
	if at.After(now) {
		return fmt.Sprintf("date %s is in the future", date)
	}
	return ""
}

// approvalOf is the line that a person is asked to fill in for r.
func approvalOf(r agentstate.Record, what string) Approval {
	a := Approval{Key: r.GetMeta().GetKey(), What: what}
	switch r := r.(type) {
	case *pb.ToolGrant:
		a.Principal, a.Tool, a.Effect = r.PrincipalKey, r.ToolKey, effects[r.Effect]
		if a.Tool == "" {
			a.Tool = r.Pattern
		}
	case *pb.Credential:
		a.Principal = r.PrincipalKey
	case *pb.Trigger:
		a.Principal = r.AgentKey
	}
	a.Before = slices.Clone(scopesOf(r))
	a.After = slices.Clone(a.Before)
	return a
}

// effects in rising order of power.
var effects = map[pb.ToolGrant_Effect]string{pb.ToolGrant_EFFECT_DENY: "deny", pb.ToolGrant_EFFECT_ASK: "ask", pb.ToolGrant_EFFECT_ALLOW: "allow"}

var ranks = map[string]int{"deny": 1, "ask": 2, "allow": 3}

func scopesOf(r agentstate.Record) []string {
	switch r := r.(type) {
	case *pb.ToolGrant:
		return r.Scopes
	case *pb.Credential:
		return r.Scopes
	}
	return nil
}

// canNarrow tells whether r is of a kind that an approval may take something from.
func canNarrow(r agentstate.Record) bool {
	switch r.(type) {
	case *pb.ToolGrant, *pb.Credential:
		return true
	}
	return false
}

// wider says how a would let through more than r has; empty: it does not.
func (a Approval) wider(r agentstate.Record) string {
	had, effect := scopesOf(r), ""
	if g, ok := r.(*pb.ToolGrant); ok {
		effect = effects[g.Effect]
	}
	for _, s := range a.After {
		if !slices.Contains(had, s) {
			return fmt.Sprintf("scope %.60q is wider than the source, which has %q", s, had)
		}
	}
	switch {
	case len(a.After) == 0 && len(had) > 0:
		return "no scopes may mean all: name those that stay, or leave it unsigned"
	case effect == "deny" && !sameSet(a.After, had):
		return "a denial of fewer scopes lets more through"
	case a.Effect != effect && (ranks[a.Effect] == 0 || effect == ""):
		return fmt.Sprintf("effect: want %q or less, got %.20q", effect, a.Effect)
	case ranks[a.Effect] > ranks[effect]:
		return fmt.Sprintf("effect %s is raised to %s", effect, a.Effect)
	case a.Effect == "deny" && effect != "deny" && !sameSet(a.After, had):
		return "a denial of fewer scopes lets more through"
	}
	return ""
}

// mistaken says what of r is not what a says it to be: the person signed for something else. Empty: nothing. What a
// leaves out is not compared.
func (a Approval) mistaken(r agentstate.Record) string {
	is := approvalOf(r, "")
	switch {
	case a.Principal != "" && a.Principal != is.Principal:
		return fmt.Sprintf("principal: want %.60q, got %.60q", is.Principal, a.Principal)
	case a.Tool != "" && a.Tool != is.Tool:
		return fmt.Sprintf("tool: want %s, got %s: take it from the file of approvals that a plan writes", toolWord(is.Tool, "the pattern of the archive"), toolWord(a.Tool, "another pattern"))
	case len(a.Before) > 0 && !sameSet(a.Before, is.Before):
		return fmt.Sprintf("scopes_before: want %.200q, got %.200q", is.Before, a.Before)
	}
	return ""
}

// toolWord is what an error says of a tool or a pattern. A pattern may hold a secret that nobody recognises.
func toolWord(tool, pattern string) string {
	switch {
	case tool == "":
		return "none"
	case tool == "*", agentstate.KindOfKey(tool) == "tool":
		return fmt.Sprintf("%.60q", tool)
	}
	return pattern
}

func (a Approval) same(b Approval) bool {
	return a.Key == b.Key && a.Effect == b.Effect && a.By == b.By && a.Date == b.Date && slices.Equal(a.After, b.After)
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// narrow is r with what a takes from it, without its native form; r itself where that is nothing.
func (a Approval) narrow(r agentstate.Record) (agentstate.Record, []fidelity.Loss) {
	had := scopesOf(r)
	var losses []fidelity.Loss
	lose := func(path string) {
		losses = append(losses, fidelity.Loss{Key: a.Key, Path: path, Grade: fidelity.Transformed, Why: whyNarrowed + a.By + " on " + a.Date})
	}
	if !sameSet(a.After, had) {
		lose("scopes")
	}
	g, isGrant := r.(*pb.ToolGrant)
	if isGrant && a.Effect != effects[g.Effect] {
		lose("effect")
	}
	if losses == nil {
		return r, nil
	}
	r = proto.Clone(r).(agentstate.Record)
	r.GetMeta().Native = nil
	switch r := r.(type) {
	case *pb.ToolGrant:
		r.Scopes = a.After
		for e, name := range effects {
			if name == a.Effect {
				r.Effect = e
			}
		}
	case *pb.Credential:
		r.Scopes = a.After
	}
	return r, losses
}

// whyNarrowed begins the reason of what an approval takes from a record.
const whyNarrowed = "narrowed by "

// checkApprovals is ErrApproval for one that must not be followed. It reads the source once more where it
// has no access by key.
func (a *apply) checkApprovals(ctx context.Context, src agentstate.Source, exact bool) error {
	open := map[string]Approval{}
	for _, x := range a.opts.Approvals {
		open[x.Key] = x
	}
	check := func(r agentstate.Record) error {
		x, ok := open[r.GetMeta().GetKey()]
		if !ok {
			return nil
		}
		delete(open, x.Key)
		if why := cmp.Or(x.wider(r), x.mistaken(r)); why != "" {
			return fmt.Errorf("%w: %s: %s", ErrApproval, x.Key, why)
		}
		if _, losses := x.narrow(r); exact && len(losses) > 0 {
			return fmt.Errorf("%w: %s: it cannot be narrowed here: this target takes the runtime's own bytes; approve it as it is, or narrow it in the target afterwards", ErrApproval, x.Key)
		}
		return nil
	}
	if g, ok := agentstate.As[agentstate.Getter](src); ok {
		for _, x := range a.opts.Approvals {
			r, err := g.Get(ctx, x.Key)
			if errors.Is(err, agentstate.ErrNotFound) {
				continue
			}
			if err == nil {
				err = check(r)
			}
			if err != nil {
				return err
			}
		}
	} else {
		for r, err := range before(src).Records(ctx, nil) {
			if err == nil {
				err = check(r)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, x := range a.opts.Approvals {
		if _, left := open[x.Key]; left {
			return fmt.Errorf("%w: %.200s: the archive has no such record", ErrApproval, x.Key)
		}
	}
	return nil
}
