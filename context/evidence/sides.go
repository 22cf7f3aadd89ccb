package evidence

import "time"

// Runtime is one side.
type Runtime struct {
	Product string `json:"product,omitempty"`
	Flavor  string `json:"flavor,omitempty"`
	Schema  string `json:"schema,omitempty"`
	Driver  string `json:"driver,omitempty"` // scheme of its URL
	// APIVersion is of the interface that was read: of the service or its library, or else of the store's own
	// schema. Adapter is the program whose driver read it: of a source, as the archive says. Empty: not said.
	APIVersion     string `json:"apiVersion,omitempty"`
	Adapter        string `json:"adapter,omitempty"`
	AdapterVersion string `json:"adapterVersion,omitempty"`

	Observer string    `json:"observer,omitempty"` // how the account is known, not who
	From     time.Time `json:"from,omitzero"`      // window of reading
	To       time.Time `json:"to,omitzero"`
	// Sunset are parts of the runtime that end, declared.
	Sunset []Sunset `json:"sunset,omitempty"`
	// StateDigest is of the state that was read, and StateRecords how many records it has: of a target
	// alone. It is over a line "kind count sha256" for each kind of state that has records, in the
	// order of kinds' names, each ended by a line feed. The SHA-256 in a line is over the records as they came: for each,
	// its length in 8 bytes, the highest first, and its protobuf bytes.
	StateDigest  Digest `json:"stateDigest,omitzero"`
	StateRecords uint64 `json:"stateRecords,omitempty"`
}

// Sunset is a part of a runtime that ends.
type Sunset struct {
	Object string `json:"object"`
	Date   string `json:"date"`
}

// Archive is the sealed file.
type Archive struct {
	ID             string      `json:"id"`
	Format         string      `json:"format"` // version
	Bytes          int64       `json:"bytes"`
	Records        uint64      `json:"records"`
	ManifestSHA256 string      `json:"manifestSha256"`
	Encrypted      bool        `json:"encrypted"`
	Recipients     []Recipient `json:"recipients,omitempty"`
	SignedBy       []string    `json:"signedBy,omitempty"` // fingerprints
	Coverage       string      `json:"coverage"`
	NewestEvent    time.Time   `json:"newestEvent,omitzero"`
	Sealed         time.Time   `json:"sealed,omitzero"`
	Schemas        []Schema    `json:"schemas,omitempty"` // by kind; a kind that is not there is described nowhere in the archive
	// TreeRoot is the root over all records, which manifest.json holds. Its leaves are the archive's shards,
	// in order, each with the root over its own records: format/SPEC.md, section 7.
	TreeRoot   Digest `json:"treeRoot,omitzero"`
	TreeLeaves uint64 `json:"treeLeaves,omitempty"`
}

// AlgTree is how the trees of an archive are built.
const AlgTree = "rfc6962-sha256"

// OwnEscrow is how many keys of escrow are the operator's as well, as far as their fingerprints are known.
func (a *Archive) OwnEscrow() int {
	own, n := map[string]bool{}, 0
	for _, r := range a.Recipients {
		if r.Role == "operator" && r.Fingerprint != "" {
			own[r.Fingerprint] = true
		}
	}
	for _, r := range a.Recipients {
		if r.Role == "escrow" && own[r.Fingerprint] {
			n++
		}
	}
	return n
}

// Tree is the root over all records as a subject; nil: it is not known.
func (a *Archive) Tree() *Subject {
	if a.TreeRoot.SHA256 == "" {
		return nil
	}
	return &Subject{Name: SubjectTree, Digest: a.TreeRoot, Annotations: &Annotations{Leaves: a.TreeLeaves, Alg: AlgTree}}
}

// Schema is where a kind is described inside the archive.
type Schema struct {
	Kind   string `json:"kind"`
	File   string `json:"file"` // below the archive's root
	Digest Digest `json:"digest"`
}

// Recipient is a key that opens the archive.
type Recipient struct {
	Type string `json:"type"`
	// Fingerprint is how the SHA-256 of the public key begins, in hex: of age's text of it, without a line feed.
	// Empty: the archive does not say whose key it is, and nor did the plan.
	Fingerprint   string `json:"fingerprint,omitempty"`
	Role          string `json:"role,omitempty"`
	OpenedInDrill bool   `json:"openedInDrill"`
}
