package evidence

// FormatRegister is the provider's register of data structures and formats, as somebody kept it, beside
// what was seen in its data.
type FormatRegister struct {
	URI         string   `json:"uri"`
	RetrievedAt string   `json:"retrievedAt"`      // a date, declared
	Digest      Digest   `json:"digest"`           // of the file that was kept
	Changed     bool     `json:"changed"`          // it is not the file of the drill before, as the plan has its digest
	Seen        uint64   `json:"seen"`             // names of tables, objects and columns in the data
	Absent      []string `json:"absent,omitempty"` // of those, that do not stand in the register; the first 200
	AbsentN     uint64   `json:"absentCount"`
}

// SecondReader is a program that shares no code with the exporter, and what it read.
type SecondReader struct {
	Name           string `json:"name"`
	ManifestSHA256 string `json:"manifestSha256,omitempty"`
	Records        uint64 `json:"records"` // of state
	Refused        string `json:"refused,omitempty"`
	Agrees         bool   `json:"agrees"` // on digest, and on the count of each kind
}

// Erasure is what became of a request that was made before the drill and outside of it.
type Erasure struct {
	AskedAt      string `json:"askedAt"` // a date, declared
	Scope        string `json:"scope"`
	Confirmation Digest `json:"confirmation"` // of what the provider wrote; empty: nothing
	Known        uint64 `json:"known"`        // records that were asked to go
	StillThere   uint64 `json:"stillThere"`   // of those, in the reading of this drill
	Probed       bool   `json:"probed"`       // the source was read after it was asked
}

// Vectors were made anew for the target.
type Vectors struct {
	Model   string `json:"model"`
	Texts   uint64 `json:"texts"`
	Asked   uint64 `json:"asked"`          // of the embedder; the others had been made before
	Tokens  uint64 `json:"tokensEstimate"` // 4 bytes each
	Dropped uint64 `json:"dropped"`
}

// Facets are those of ISO/IEC 19941, of one kind.
type Facets struct {
	Syntactic string `json:"syntactic"`
	Semantic  string `json:"semantic"`
	Policy    string `json:"policy"`
	Behaviour string `json:"behaviour"`
}

// The answers for a facet.
const (
	FacetKept   = "kept"
	FacetInPart = "in part"
	FacetLost   = "lost"
	FacetUntold = "not tested"
)
