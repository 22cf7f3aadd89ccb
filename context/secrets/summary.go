package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Counts are places by class.
type Counts map[string]uint64

// Summary is what a scan looked for and found. It holds no secret.
type Summary struct {
	Mode    string            `json:"mode"`  // "label", "redact", "refuse"
	Rules   string            `json:"rules"` // the set of rules
	Found   map[string]Counts `json:"found,omitempty"`
	Records map[string]uint64 `json:"records,omitempty"` // by kind: those with a finding
	// Blobs that were too large to be scanned, and the keys of the first records that hold them.
	BlobsNotScanned uint64   `json:"blobs_not_scanned,omitempty"`
	NotScannedOf    []string `json:"not_scanned_of,omitempty"`
	Bytes           uint64   `json:"bytes"` // of text that was looked at
}

// maxNamed is how many records a Summary and an ErrFound name.
const maxNamed = 20

// Classes sums the findings of all kinds by class.
func (s *Summary) Classes() Counts {
	out := Counts{}
	for _, c := range s.Found {
		for k, n := range c {
			out[k] += n
		}
	}
	return out
}

// Total is the number of places, and of records that have them.
func (s *Summary) Total() (places, records uint64) {
	for _, n := range s.Classes() {
		places += n
	}
	for _, n := range s.Records {
		records += n
	}
	return places, records
}

func (s *Summary) add(kind string, c Counts) {
	if len(c) == 0 {
		return
	}
	if s.Found == nil {
		s.Found, s.Records = map[string]Counts{}, map[string]uint64{}
	}
	if s.Found[kind] == nil {
		s.Found[kind] = Counts{}
	}
	for k, n := range c {
		s.Found[kind][k] += n
	}
	s.Records[kind]++
}

// String is the counts by class: "aws-access-token 2, jwt 1".
func (c Counts) String() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(c)) {
		out = append(out, fmt.Sprintf("%s %d", k, c[k]))
	}
	return strings.Join(out, ", ")
}

func (c Counts) label() string {
	if len(c) == 0 {
		return ""
	}
	b, _ := json.Marshal(c) // of text and numbers
	return string(b)
}

// Of is what the readings that statements end stated about secrets; nil where nobody looked, or in words that
// this release does not know.
func Of(statements ...*pb.Completeness) (sum *Summary) {
	for _, st := range statements {
		switch s := of(st); {
		case s == nil:
		case sum == nil:
			sum = s
		default:
			sum.join(s)
		}
	}
	return sum
}

func of(st *pb.Completeness) *Summary {
	for _, l := range st.GetMeta().GetLabels() {
		if l.GetName() == agentstate.LabelScan {
			s := &Summary{}
			if json.Unmarshal([]byte(l.GetValue()), s) == nil {
				return s
			}
		}
	}
	return nil
}

// join adds what another reading stated: an archive may have several.
func (s *Summary) join(o *Summary) {
	for kind, c := range o.Found {
		n := uint64(0)
		if s.Records != nil {
			n = s.Records[kind]
		}
		s.add(kind, c)
		s.Records[kind] = n + o.Records[kind]
	}
	s.BlobsNotScanned += o.BlobsNotScanned
	s.Bytes += o.Bytes
	s.NotScannedOf = append(s.NotScannedOf, o.NotScannedOf...)
}

// ErrFound is what a FoundError is.
var ErrFound = errors.New("secrets: found")

// A FoundError ends a reading that may hold no secrets, or in which one cannot be taken out. It is an
// ErrFound.
type FoundError struct {
	Why     string // "found", or why they cannot be taken out
	Summary Summary
	Named   []Record // the first records
}

// Record is a record with findings.
type Record struct {
	Key   string // the kind alone where a secret is in the key
	Found Counts
}

// Error counts, and names keys and classes.
func (e *FoundError) Error() string {
	places, records := e.Summary.Total()
	var b strings.Builder
	fmt.Fprintf(&b, "secrets: %s: %d in %d records", e.Why, places, records)
	for i, r := range e.Named {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s (%s)", sep, r.Key, r.Found)
	}
	if n := records - uint64(len(e.Named)); n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	return b.String()
}

// Is tells that it is an ErrFound.
func (e *FoundError) Is(target error) bool { return target == ErrFound }
