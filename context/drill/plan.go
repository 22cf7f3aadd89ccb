package drill

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/internal/plainyaml"
)

// ErrPlan: the plan file is not one, or does not say what a drill needs.
var ErrPlan = errors.New("drill: plan")

// Example is a plan with every key, explained.
//
//go:embed example.yaml
var Example string

// Plan is what is decided before a drill begins: what is taken out of where, into what, and what
// counts as having worked. ReadPlan reads it; paths in it are as they stand there.
type Plan struct {
	Name       string         `yaml:"name"`     // of the files that the drill leaves: letters, digits, "-", "_", "."
	Exercise   bool           `yaml:"exercise"` // must be true: no notice is given, nothing is switched or erased
	Scenario   string         `yaml:"scenario"`
	Hypothesis string         `yaml:"hypothesis"`
	Mode       evidence.Mode  `yaml:"mode"`
	Level      evidence.Level `yaml:"level"`

	Source  string `yaml:"source"`  // URL; ${NAME} is of the environment. A stressed drill does not open it
	Archive string `yaml:"archive"` // file; a planned drill makes it
	Target  string `yaml:"target"`  // URL; levels L3 and above, or
	Into    []Into `yaml:"into"`    // several targets: see Each
	Keep    bool   `yaml:"keep"`    // leave what was replayed in the target; else it is undone
	Output  string `yaml:"output"`  // folder for what the drill leaves
	Ledger  string `yaml:"ledger"`  // of drills; empty: none

	Keys      Keys     `yaml:"keys"`
	Replay    Replay   `yaml:"replay"`
	Embedder  Embedder `yaml:"embedder"` // makes all vectors anew; zero: they go as they are
	Provider  Provider `yaml:"provider"`
	Kinds     []string `yaml:"kinds"`   // to export; none: all
	Secrets   string   `yaml:"secrets"` // in the text of records, as export has it: label, redact, refuse, off; empty: label
	Canaries  []Canary `yaml:"canaries"`
	Recall    Recall   `yaml:"recall"`
	Tasks     Tasks    `yaml:"tasks"`
	Targets   Targets  `yaml:"targets"`
	Parties   Parties  `yaml:"parties"`
	Arranged  Arranged `yaml:"arrangement"`
	Accepted  []Accept `yaml:"accepted_losses"`
	Findings  []Open   `yaml:"findings"`
	Costs     []Cost   `yaml:"costs"`
	Assumed   []Assume `yaml:"assumptions"`
	StopWhen  []string `yaml:"stop_conditions"`
	Review    Date     `yaml:"next_review"`
	FullCount uint64   `yaml:"full_volume_records"` // of the whole tenant, to project to; 0: the archive is all of it

	Logs         Logs       `yaml:"logs"`          // that have to be kept
	Metadata     []Metadata `yaml:"metadata"`      // of the provider, that has to be there
	SecondReader []string   `yaml:"second_reader"` // program and arguments that read the archive, whose path comes last: docs/drill.md
	Erasure      Erasure    `yaml:"erasure"`       // an earlier request, to be probed

	digest [32]byte
	sends  []string // kinds that are replayed; none: all
	after  string   // name of the drill, of the same plan, that made the archive
}

// Keys are files.
type Keys struct {
	Identities []string `yaml:"identities"` // that open the archive
	Escrow     []string `yaml:"escrow"`     // each has to open all of it, too
	Trust      string   `yaml:"trust"`      // public keys, of which one has to have signed it
	Sign       string   `yaml:"sign"`       // private key that signs the archive of a planned drill, and the statement
	Recipients []string `yaml:"recipients"` // age1…, or files with them: whom a planned drill seals to
	TSA        string   `yaml:"tsa"`        // URL of a time stamp authority (RFC 3161), for what is signed; a stressed drill has no network to it
	TSACerts   []string `yaml:"tsa_certs"`  // its certificates: signatures of the archive need a stamp by it
}

// Replay are files for the replay.
type Replay struct {
	Map        string   `yaml:"map"`
	Approve    string   `yaml:"approve"`
	Tombstones []string `yaml:"tombstones"`
	Holds      []string `yaml:"holds"`   // keys under a legal hold, one a line: the tear-down takes nothing out where the drill brought some of it
	Journal    string   `yaml:"journal"` // empty: in the output folder
}

// Provider is what is known of it.
type Provider struct {
	Hosts    []string `yaml:"hosts"`    // host:port, that must not be reachable in a stressed drill
	Register Register `yaml:"register"` // of its data structures and formats
	Sunset   []Sunset `yaml:"sunset"`   // parts of it that end, as it says
}

// Sunset is a part of the provider's service that ends.
type Sunset struct {
	Object string `yaml:"object"`
	Date   Date   `yaml:"date"`
}

// Canary is a known answer: a record that must be found in the target.
type Canary struct {
	Key      string `yaml:"key"`      // of the record; or
	Kind     string `yaml:"kind"`     // any record of this kind
	Path     string `yaml:"path"`     // field that has to hold it, as in the schema: "parts.text"; empty: any
	Contains string `yaml:"contains"` // text
	// Injection marks an instruction that was planted: it must arrive as a record, and must not
	// speak with more authority.
	Injection bool `yaml:"injection"`
}

// Recall compares what searches by vector find before and after: memories are drawn, and each one's
// text is searched for with its own vectors.
type Recall struct {
	Queries int    `yaml:"queries"` // 0: none
	K       int    `yaml:"k"`       // answers a search; 0: 10
	Seed    uint64 `yaml:"seed"`
}

// Tasks are what the users' agents have to do, before and after.
type Tasks struct {
	Suite  string   `yaml:"suite"`  // URL of a test suite: promptfoo:suite.yaml
	Source []string `yaml:"source"` // program and arguments that run a task at the source: docs/runner.md
	Target []string `yaml:"target"`
	Cold   []string `yaml:"cold"`  // at a target without the state
	Judge  []string `yaml:"judge"` // program that judges what no rule can; none: not judged
	Runs   int      `yaml:"runs"`  // of each task on each side; 0: one
	// Cassette is an archive with conversations, which is the model of all sides: docs/cassette.md.
	// Empty: the model that the programs ask by themselves.
	Cassette string `yaml:"cassette"`
}

// Targets are what counts as good enough.
type Targets struct {
	RTO             Duration            `yaml:"rto"`
	RPO             map[string]Duration `yaml:"rpo"` // by kind; "*": any other
	ImpactTolerance string              `yaml:"impact_tolerance"`
	Survival        float64             `yaml:"survival"` // share of records that must match; 0: all
	// Tasks is the least share of the tasks that passed at the source that must pass at the target; without a
	// source, of all. 0: none is set, and a loss only warns unless nothing passes.
	Tasks float64 `yaml:"tasks"`
}

// rpo is the target for a kind, where one is set.
func (t *Targets) rpo(kind string) (Duration, bool) {
	d, ok := t.RPO[kind]
	if !ok {
		d, ok = t.RPO["*"]
	}
	return d, ok
}

// Parties are who does what.
type Parties struct {
	Operator  evidence.Party `yaml:"operator"`
	Observer  evidence.Party `yaml:"observer"`
	Approver  evidence.Party `yaml:"approver"`
	Custodian evidence.Party `yaml:"custodian"`
}

// Arranged is the contract.
type Arranged struct {
	RegisterID       string               `yaml:"register_id"`
	ContractSHA256   string               `yaml:"contract_sha256"`
	Service          string               `yaml:"service"`
	ServiceType      string               `yaml:"service_type"` // saas, paas, iaas; empty: not said
	TenantClass      string               `yaml:"tenant_class"`
	Region           string               `yaml:"region"`
	Jurisdiction     string               `yaml:"jurisdiction"`
	BusinessFunction string               `yaml:"business_function"`
	Critical         *bool                `yaml:"critical"`
	DataBasis        string               `yaml:"data_basis"`
	CopyDeletedBy    Date                 `yaml:"copy_deleted_by"`
	PromisedKinds    []string             `yaml:"promised_kinds"`
	Exclusions       []evidence.Exclusion `yaml:"exclusions"`
}

// Accept is a loss that somebody has accepted.
type Accept struct {
	Kind  string `yaml:"kind"`
	Path  string `yaml:"path"` // empty: the record as a whole; "*": any field
	By    string `yaml:"by"`
	Until Date   `yaml:"until"`
	Why   string `yaml:"why"`
	Into  string `yaml:"into"` // of several targets, the one in which; empty: in each
}

// Open is a finding of the last drill.
type Open struct {
	ID       string `yaml:"id"`
	Text     string `yaml:"text"`
	Severity string `yaml:"severity"`
	Owner    string `yaml:"owner"`
	Due      Date   `yaml:"due"`
	Retest   Date   `yaml:"retest"`
	State    string `yaml:"state"` // "open" or "closed"
}

// Cost is a cost that somebody declares.
type Cost struct {
	Item     string `yaml:"item"`
	Amount   string `yaml:"amount"`
	Currency string `yaml:"currency"`
	Class    string `yaml:"class"`
}

// Assume is an assumption; Held is said when it is known.
type Assume struct {
	Text string `yaml:"text"`
	Held *bool  `yaml:"held"`
}

// Duration is a time as people write it: "4h", "90m", "7d".
type Duration time.Duration

// UnmarshalYAML reads one.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	s := n.Value
	v, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var f float64
		if f, err = strconv.ParseFloat(days, 64); !(f >= 0 && f < 36500) {
			f = -1
		}
		if v = time.Duration(math.Round(f*24*60*60)) * time.Second; v == 0 && f > 0 {
			v = 1 // below a second
		}
	}
	if err != nil || v < 0 || v%time.Second != 0 {
		return fmt.Errorf("line %d: %q is no time: want whole seconds, as in 4h, 90m or 7d", n.Line, s)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) seconds() uint64 { return uint64(time.Duration(d) / time.Second) }

// Date is a day: 2027-01-31. Empty: not said.
type Date string

// UnmarshalYAML reads one.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	if _, err := time.Parse(time.DateOnly, n.Value); err != nil {
		return fmt.Errorf("line %d: %q is no day: want 2027-01-31", n.Line, n.Value)
	}
	*d = Date(n.Value)
	return nil
}

// maxPlan is the size of a plan file.
const maxPlan = 1 << 20

// ReadPlan reads a plan and checks it. A key that is not known is an error, with its line.
func ReadPlan(r io.Reader) (*Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if len(b) > maxPlan {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrPlan, maxPlan)
	}
	p := &Plan{digest: sha256.Sum256(b)}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(p); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it is empty", ErrPlan)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, plainyaml.Words(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: a second document: want one", ErrPlan)
	}
	return p, p.Check()
}

// Digest is the SHA-256 of the plan file, in hexadecimal.
func (p *Plan) Digest() string { return hex.EncodeToString(p.digest[:]) }

// reaches tells whether the drill goes as far as l.
func (p *Plan) reaches(l evidence.Level) bool { return p.Level >= l }
