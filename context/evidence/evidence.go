// Package evidence is what an exit drill leaves behind: a predicate of what was done, measured,
// declared and not tested, in a statement that others sign and check.
//
// A [Predicate] holds facts. Its verdict is not one of them: [Predicate.Judge] computes it from
// the checks, and whoever reads a statement computes it again; a stored verdict that says
// otherwise is an error. What was not tested is printed and never hidden. Counts are integers
// with their denominators beside them; what is not known is null
// or absent, with a reason in NotTested; a list of nothing is [].
//
// A predicate holds no text of a record, and no key of one: ids of people and records go through
// [Salt].
package evidence

import "time"

// PredicateType names the predicate in a statement.
const PredicateType = "https://github.com/exitramp/exitramp/exit-drill/v1"

// Names among the subjects of a statement.
const (
	SubjectManifest = "manifest.json"     // of the archive
	SubjectState    = "destination-state" // what was read back from the target
	SubjectTree     = "tree-root"         // the root over all records of the archive
)

// Statement is an in-toto Statement v1 about a drill. Its subjects are the archive, by the digest
// of its manifest.json, the root of its records ([SubjectTree]), what was read back from the target
// ([SubjectState]), and the files of the evidence pack.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     *Predicate `json:"predicate"`
}

// Subject is one thing that a statement is about.
type Subject struct {
	Name        string       `json:"name"`
	Digest      Digest       `json:"digest"`
	Annotations *Annotations `json:"annotations,omitempty"`
}

// Annotations are what is said of a subject besides: of the root of a tree alone.
type Annotations struct {
	Leaves uint64 `json:"leaves"`
	Alg    string `json:"alg"`
}

// Digest is a SHA-256, in hex.
type Digest struct {
	SHA256 string `json:"sha256,omitempty"`
}

// Predicate is one drill. Times are UTC, durations in seconds.
type Predicate struct {
	Drill            Drill             `json:"drill"`
	Parties          Parties           `json:"parties"`
	Arrangement      Arrangement       `json:"arrangement"`
	Targets          Targets           `json:"targets"`
	Source           Runtime           `json:"source"`
	Target           Runtime           `json:"target"` // zero: the drill ended before one was written to
	Archive          Archive           `json:"archive"`
	Kinds            []Kind            `json:"kinds"` // in the order of agentstate.Kinds
	Recall           *Recall           `json:"recall,omitempty"`
	Replay           []Replayed        `json:"replay,omitempty"` // empty: not measured
	Continuity       *Continuity       `json:"continuity,omitempty"`
	Authority        Authority         `json:"authority"`
	Safety           Safety            `json:"safety"`
	Timing           Timing            `json:"timing"`
	Models           []ModelEnd        `json:"models,omitempty"`
	Costs            []Cost            `json:"costs,omitempty"` // declared
	Obstacles        []Obstacle        `json:"obstacles,omitempty"`
	Custody          []Handover        `json:"custody,omitempty"`
	Identity         *Identity         `json:"identity,omitempty"` // absent: nothing was read back
	NegativeControls []NegativeControl `json:"negativeControls"`
	Losses           []Loss            `json:"losses"`
	FormatRegister   *FormatRegister   `json:"formatRegister,omitempty"`
	SecondReader     *SecondReader     `json:"secondReader,omitempty"`
	Erasure          *Erasure          `json:"erasure,omitempty"`
	Vectors          *Vectors          `json:"vectors,omitempty"` // absent: they went as they are
	Findings         []Finding         `json:"findings,omitempty"`
	Checks           []Check           `json:"checks"` // one for each of Statements, in their order
	Obligations      []Obligation      `json:"obligations,omitempty"`
	NotTested        []string          `json:"notTested"`
	Limits           []string          `json:"limits"`
	Trend            []Past            `json:"trend,omitempty"` // earlier drills of the ledger, the newest last
	Tool             Tool              `json:"tool"`
	Artifacts        []Subject         `json:"artifacts,omitempty"` // files of the pack
	Verdict          Verdict           `json:"verdict"`             // as computed when it was written
}

// Drill says which exercise it was.
type Drill struct {
	ID              string    `json:"id"`
	Name            string    `json:"name,omitempty"` // that the plan gives it: "2026-q4"
	LedgerIndex     uint64    `json:"ledgerIndex"`    // from 0
	PrevDigest      Digest    `json:"prevDigest"`     // of the entry before, in the ledger; empty: the first
	Exercise        bool      `json:"exercise"`       // no notice was given, nothing was switched or erased
	Mode            Mode      `json:"mode"`
	Level           Level     `json:"level"`
	Scenario        string    `json:"scenario,omitempty"`
	Hypothesis      string    `json:"hypothesis,omitempty"`
	StopConditions  []string  `json:"stopConditions,omitempty"`
	Assumptions     []Assumed `json:"assumptions,omitempty"`
	PlanDigest      Digest    `json:"planDigest"` // of the plan file, read before the first phase
	StartedAt       time.Time `json:"startedAt"`
	EndedAt         time.Time `json:"endedAt"`
	ProviderBlocked Block     `json:"providerBlocked"`
	NextReview      string    `json:"nextReview,omitempty"` // a date, declared
	Attempts        uint64    `json:"attempts"`             // 1: it was not broken off
	Stopped         *Stop     `json:"stopped,omitempty"`    // absent: every phase ended
}

// Stop says where a drill could not go on: the exit that it rehearses would have ended there.
type Stop struct {
	Phase string `json:"phase"`
	Class string `json:"class,omitempty"` // of the archive's refusal: "digest", "no-identity"
	Why   string `json:"why"`
}

// Assumed is something that the plan takes for granted.
type Assumed struct {
	Text string `json:"text"`
	Held *bool  `json:"held,omitempty"` // absent: nobody said
}

// Mode is planned, with the provider's help, or stressed, without it.
type Mode string

// The modes.
const (
	Planned  Mode = "planned"
	Stressed Mode = "stressed"
)

// Level is how far a drill goes, L1 to L5.
type Level string

// The levels.
const (
	L1 Level = "L1" // export
	L2 Level = "L2" // and verify, and load into a neutral store
	L3 Level = "L3" // and import into a live target
	L4 Level = "L4" // and the users' tasks
	L5 Level = "L5" // a full stressed exit, the provider blocked outside of the process
)

// Block says how the provider was kept out of a stressed drill.
type Block struct {
	Method   string `json:"method"`   // "empty network namespace", "no source driver opened"; empty: it was not
	Enforced bool   `json:"enforced"` // outside of the process that ran the drill
	Probe    string `json:"probe,omitempty"`
	// ProofDigest is of the file that the drill keeps beside the statement: what the system showed of
	// the block. Empty: nothing was kept.
	ProofDigest Digest `json:"proofDigest,omitzero"`
}

// Parties are declared in the plan; their keys are compared.
type Parties struct {
	Operator  Party `json:"operator"`
	Observer  Party `json:"observer"`
	Approver  Party `json:"approver"`
	Custodian Party `json:"custodian"`
}

// Party is somebody with a role.
type Party struct {
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"` // fingerprint of the key that this party signs with
}

// Arrangement is the contract that the drill rehearses to leave. All of it is declared.
type Arrangement struct {
	RegisterID       string      `json:"registerId,omitempty"`
	ContractDigest   Digest      `json:"contractDigest"`
	Service          string      `json:"service,omitempty"`
	ServiceType      string      `json:"serviceType,omitempty"` // "saas", "paas", "iaas"
	TenantClass      string      `json:"tenantClass,omitempty"` // "production", "test"
	Region           string      `json:"region,omitempty"`
	Jurisdiction     string      `json:"jurisdiction,omitempty"`
	BusinessFunction string      `json:"businessFunction,omitempty"`
	Critical         *bool       `json:"critical,omitempty"`
	DataBasis        string      `json:"dataBasis,omitempty"`     // why the drill's copy may be held, and where
	CopyDeletedBy    string      `json:"copyDeletedBy,omitempty"` // a date
	PromisedKinds    []string    `json:"promisedKinds,omitempty"` // of the contract's list of categories
	Exclusions       []Exclusion `json:"exclusions,omitempty"`
	NoticeGiven      bool        `json:"noticeGiven"`
}

// Exclusion is a kind that is left out on purpose.
type Exclusion struct {
	Kind   string `json:"kind"`
	Ground string `json:"ground"` // "DA-25(2)(f)", "30(6)", "legal hold"
	Why    string `json:"why"`
}

// Targets were set before the drill began.
type Targets struct {
	RTOSeconds      uint64            `json:"rtoSeconds,omitempty"`
	RPOSeconds      map[string]uint64 `json:"rpoSeconds,omitempty"` // by kind; "*": any other
	ImpactTolerance string            `json:"impactTolerance,omitempty"`
	Survival        float64           `json:"survival,omitempty"` // least share of records that must match, of those that were to arrive
	Tasks           float64           `json:"tasks,omitempty"`    // least share of tasks that must pass, of those that pass at the source
}

// Recall is what searches by vector found, before and after.
type Recall struct {
	Queries        uint64     `json:"queries"`
	QuerySetDigest Digest     `json:"querySetDigest"`
	K              uint64     `json:"k"`
	Before         float64    `json:"before"`
	After          float64    `json:"after"`
	Overlap        float64    `json:"overlap"`
	CI95           [2]float64 `json:"ci95"`                // of Overlap
	ChangeCI95     [2]float64 `json:"changeCi95,omitzero"` // of After minus Before, over the same queries; zero: not computed
	Ranked         uint64     `json:"ranked,omitempty"`    // records that were expected, and that both found among the first K
	RankDelta      float64    `json:"rankDelta,omitempty"` // by how many places these stand further behind, on average
	RankWorst      int        `json:"rankWorst,omitempty"`
	EmptyBefore    uint64     `json:"emptyBefore"`
	EmptyAfter     uint64     `json:"emptyAfter"`
	ModelBefore    string     `json:"modelBefore"`
	ModelAfter     string     `json:"modelAfter"`
}

// Past is an earlier drill, as its entry in the ledger has it.
type Past struct {
	LedgerIndex uint64    `json:"ledgerIndex"`
	EndedAt     time.Time `json:"endedAt"`
	Level       Level     `json:"level"`
	Mode        Mode      `json:"mode"`
	Verdict     Verdict   `json:"verdict"`
	RTOSeconds  float64   `json:"rtoSeconds"`
	Arrived     uint64    `json:"arrived"` // records, of Due: see Kind.Survival
	Due         uint64    `json:"due"`
	Target      string    `json:"target,omitempty"` // product and flavor
	Source      string    `json:"source,omitempty"` // what was read: product and flavor; empty: an earlier release did not say
	Schema      string    `json:"schema,omitempty"` // of the source: product, flavor and schema; empty: not said
	Recall      *float64  `json:"recall,omitempty"` // after; absent: not measured
}

// Continuity is what the state was worth to the users' tasks. All runs are counted: a task that
// was run five times counts five.
type Continuity struct {
	Tasks  uint64 `json:"tasks"`
	Runs   uint64 `json:"runs"`   // of each side
	Source uint64 `json:"source"` // passed, at the source
	Target uint64 `json:"target"` // passed, at the target with the state
	Cold   uint64 `json:"cold"`   // passed, at the target without it
	Judge  string `json:"judge"`
	// NotRun are the sides on which no task was run: "source", "cold". Their 0 is no result.
	NotRun []string `json:"notRun,omitempty"`
	// TCS is the target's success over the source's, with its formula, or why it is undefined.
	TCS string `json:"tcs,omitempty"`
	// RetainedLift is how much of what the state added was kept, in the same way.
	RetainedLift string `json:"retainedLift,omitempty"`
}

// Authority is what the replayed agents may do.
type Authority struct {
	Grants     uint64   `json:"grants"`
	Reproduced uint64   `json:"reproduced"`
	Reduced    uint64   `json:"reduced"`
	Widened    uint64   `json:"widened"`             // must be 0
	Raised     uint64   `json:"raised"`              // records that speak with more authority; must be 0
	Reconsent  []string `json:"reconsent,omitempty"` // salted keys that wait for a person
	Waiting    []Waits  `json:"waiting,omitempty"`   // what each of Reconsent is; absent: an earlier release did not say
}

// Waits is a record that is off until a person decides. Ids are salted; there is no secret in it.
type Waits struct {
	ID     string `json:"id"` // one of Authority.Reconsent
	Kind   string `json:"kind"`
	Holder string `json:"holder,omitempty"` // salted: whose grant or credential it is, the agent that a trigger starts
	Tool   string `json:"tool,omitempty"`   // salted: of a grant
	Effect string `json:"effect,omitempty"` // of a grant: allow, ask, deny
	Scopes uint64 `json:"scopes,omitempty"`
	Needs  string `json:"needs"` // who has to do what
}

// Safety is what was looked for.
type Safety struct {
	SecretClasses      []string          `json:"secretClasses,omitempty"`  // that were scanned for; empty: not scanned
	SecretFindings     map[string]uint64 `json:"secretFindings,omitempty"` // by class
	InjectionCanaries  uint64            `json:"injectionCanaries"`
	InjectionEffective uint64            `json:"injectionEffective"`
	Tombstones         uint64            `json:"tombstones"` // erasures that were applied again
	Revived            uint64            `json:"revived"`    // records that tombstones speak of, several of one maybe; must be 0
}

// Obstacle is what stood in the way.
type Obstacle struct {
	At       time.Time `json:"at,omitzero"`
	Side     string    `json:"side,omitempty"` // whose it is: SideSource, SideTarget, SideDrill
	What     string    `json:"what"`           // the gap's reason, the rate that was met
	Kind     string    `json:"kind,omitempty"`
	Count    uint64    `json:"count,omitempty"`
	Promised string    `json:"promised,omitempty"`
	Article  string    `json:"article,omitempty"` // that it is input to: the id of a Control; empty: none
}

// The sides of an obstacle. What the target does not take is no obstacle that the source's provider
// puts up.
const (
	SideSource = "source"
	SideTarget = "target"
	SideDrill  = "drill"
)

// Handover is one step of the chain of custody.
type Handover struct {
	At        time.Time `json:"at"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	DigestIn  Digest    `json:"digestIn"`
	DigestOut Digest    `json:"digestOut"`
}

// NegativeControl is something that must be refused.
type NegativeControl struct {
	What     string `json:"what"`     // "flipped byte", "wrong key", "no signature"
	Expected string `json:"expected"` // class of the refusal
	Observed string `json:"observed"` // empty: it was accepted
}

// Refused tells whether the control did what it must.
func (n *NegativeControl) Refused() bool { return n.Observed != "" && n.Observed == n.Expected }

// Loss is a field, or a kind, that does not arrive as it was.
type Loss struct {
	Kind       string `json:"kind"`
	Path       string `json:"path,omitempty"` // empty: the record as a whole
	Count      uint64 `json:"count"`
	Of         uint64 `json:"of"`
	Grade      string `json:"grade"`
	Why        string `json:"why"`
	AcceptedBy string `json:"acceptedBy,omitempty"`
	Until      string `json:"until,omitempty"`
}

// Finding is something to mend.
type Finding struct {
	ID       string `json:"id"`
	Text     string `json:"text"`
	Severity string `json:"severity"`
	Owner    string `json:"owner,omitempty"`
	Due      string `json:"due,omitempty"`
	Retest   string `json:"retest,omitempty"`
	State    string `json:"state,omitempty"` // "open", "closed", of an earlier drill
}

// Check is one of the 46 statements of a drill, answered.
type Check struct {
	ID     string `json:"id"` // "AC-8"
	Result Result `json:"result"`
	Gate   bool   `json:"gate,omitempty"`  // at the drill's level, as the drill had it: whoever judges goes by gates of their own
	Basis  Basis  `json:"basis,omitempty"` // empty where nothing was tested
	By     string `json:"by,omitempty"`    // who declared it
	Why    string `json:"why"`             // what was seen, with its numbers
	// Evidence are artefacts that show it, where there are any: files that the drill leaves, what lies in the
	// archive, what was read back. The journal is as it was when the drill was judged.
	Evidence []Subject `json:"evidence,omitempty"`
}

// Result is the answer to a check.
type Result string

// The results.
const (
	Pass   Result = "pass"
	Fail   Result = "fail"
	Warn   Result = "warn" // true, with a loss that somebody accepted or must look at
	Untold Result = "not_tested"
)

// Basis is where an answer comes from.
type Basis string

// The bases.
const (
	Measured Basis = "measured"
	Declared Basis = "declared"
	Derived  Basis = "derived" // from other checks
)

// Tool is what ran the drill.
type Tool struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	VCS     string   `json:"vcs,omitempty"`
	Modules Digest   `json:"modules"`           // of the list of modules and their sums
	Command []string `json:"command,omitempty"` // redacted
	// ConfigDigest is of what the drill was judged by: see [Config]. Empty: an earlier release made it.
	ConfigDigest Digest `json:"configDigest,omitzero"`
}
