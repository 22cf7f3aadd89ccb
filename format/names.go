package format

import (
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
)

// Members that every archive has, without the prefix.
const (
	nameBagit    = "bagit.txt"
	nameReadme   = "README.md"
	nameList     = "manifest-sha256.txt"
	nameManifest = "manifest.json"
)

// fixedNames are those, in an order of no meaning.
func fixedNames() []string { return []string{nameBagit, nameReadme, nameList, nameManifest} }

// memberType is what a member is, by its name.
type memberType uint8

const (
	typeNone memberType = iota // no name of the grammar
	typeFixed
	typeSchema
	typeRecords // data/r
	typeVectors // data/v
	typeIndex   // data/i
	typeOpaque  // data/x
	typeBlob    // data/b
	typeRoot
	typeKey
	typeAttestation
)

// isData tells whether such members are in manifest-sha256.txt.
func (t memberType) isData() bool { return t != typeFixed && t != typeKey && t != typeAttestation }

// place is a member's name, taken apart.
type place struct {
	typ    memberType
	kind   string // records
	digest string // schema
	n      uint64 // ordinal; compartment of a root or key
	sub    uint64 // chunk of a blob; number of a key
	age    bool   // sealed
}

func recordsName(kind string, n uint64) string { return fmt.Sprintf("data/r/%s/%08d.pb.zst", kind, n) }
func vectorsName(n uint64) string              { return fmt.Sprintf("data/v/%08d.zst", n) }
func indexName(n uint64) string                { return fmt.Sprintf("data/i/%08d.pb.zst", n) }
func opaqueName(n uint64) string               { return fmt.Sprintf("data/x/%08d.pb.zst.age", n) }
func schemaName(digest string) string          { return "data/schema/" + digest + ".binpb" }
func blobID(n uint64) string                   { return fmt.Sprintf("data/b/%08d", n) }
func attestationName(n int) string             { return fmt.Sprintf("attestations/%d.sigstore.json", n) }
func keyName(comp int, n int) string           { return fmt.Sprintf("keys/%d/%d.age", comp, n) }

func chunkName(n, chunk uint64, sealed bool) string {
	return fmt.Sprintf("data/b/%08d/%06d.zst%s", n, chunk, ageSuffix(sealed))
}

func rootName(comp int, sealed bool) string {
	if comp == 0 {
		return "data/root.pb.zst" + ageSuffix(sealed)
	}
	return fmt.Sprintf("data/root-%d.pb.zst%s", comp, ageSuffix(sealed))
}

func ageSuffix(sealed bool) string {
	if sealed {
		return ".age"
	}
	return ""
}

// parseName takes a name apart; typeNone for a name that is not in the grammar. Whatever it
// accepts, the functions above would have made.
func parseName(name string) place {
	p := parseLoose(name)
	if p.typ != typeNone && p.String() != name {
		return place{}
	}
	return p
}

func parseLoose(name string) place {
	switch name {
	case nameBagit, nameReadme, nameList, nameManifest:
		return place{typ: typeFixed, digest: name}
	}
	seg := strings.Split(name, "/")
	last := seg[len(seg)-1]
	base, sealed := strings.CutSuffix(last, ".age")
	num, ext, _ := strings.Cut(base, ".")
	n, err := strconv.ParseUint(num, 10, 32)
	numbered := err == nil && n > 0
	switch {
	case len(seg) == 3 && seg[0] == "keys" && sealed && ext == "" && numbered:
		c, err := strconv.ParseUint(seg[1], 10, 16)
		if err != nil {
			return place{}
		}
		return place{typ: typeKey, n: c, sub: n}
	case len(seg) == 2 && seg[0] == "attestations" && !sealed && ext == "sigstore.json" && numbered:
		return place{typ: typeAttestation, n: n}
	case seg[0] != "data" || len(seg) < 2:
		return place{}
	case len(seg) == 2 && ext == "pb.zst" && num == "root":
		return place{typ: typeRoot, age: sealed}
	case len(seg) == 2 && ext == "pb.zst" && strings.HasPrefix(num, "root-"):
		c, err := strconv.ParseUint(num[len("root-"):], 10, 16)
		if err != nil || c == 0 {
			return place{}
		}
		return place{typ: typeRoot, n: c, age: sealed}
	}
	switch dir := seg[1]; {
	case dir == "schema" && len(seg) == 3 && ext == "binpb" && !sealed && isHex(num, 64):
		return place{typ: typeSchema, digest: num}
	case !numbered:
	case dir == "r" && len(seg) == 4 && ext == "pb.zst" && !sealed && isKind(seg[2]):
		return place{typ: typeRecords, kind: seg[2], n: n}
	case dir == "v" && len(seg) == 3 && ext == "zst" && !sealed:
		return place{typ: typeVectors, n: n}
	case dir == "i" && len(seg) == 3 && ext == "pb.zst" && !sealed:
		return place{typ: typeIndex, n: n}
	case dir == "x" && len(seg) == 3 && ext == "pb.zst" && sealed:
		return place{typ: typeOpaque, n: n, age: true}
	case dir == "b" && len(seg) == 4 && ext == "zst":
		b, err := strconv.ParseUint(seg[2], 10, 32)
		if err != nil || b == 0 {
			return place{}
		}
		return place{typ: typeBlob, n: b, sub: n, age: sealed}
	}
	return place{}
}

// String is the only name of the place.
func (p place) String() string {
	switch p.typ {
	case typeFixed:
		return p.digest
	case typeSchema:
		return schemaName(p.digest)
	case typeRecords:
		return recordsName(p.kind, p.n)
	case typeVectors:
		return vectorsName(p.n)
	case typeIndex:
		return indexName(p.n)
	case typeOpaque:
		return opaqueName(p.n)
	case typeBlob:
		return chunkName(p.n, p.sub, p.age)
	case typeRoot:
		return rootName(int(p.n), p.age)
	case typeKey:
		return keyName(int(p.n), int(p.sub))
	case typeAttestation:
		return attestationName(int(p.n))
	}
	return ""
}

// isKind tells whether s can be a kind: what a message name is in lower case.
func isKind(s string) bool {
	if len(s) == 0 || len(s) > 40 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'f') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// archiveID is the 16 bytes that name an archive.
type archiveID [16]byte

func idEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// String is 26 lower-case base32 characters.
func (id archiveID) String() string { return idEncoding().EncodeToString(id[:]) }

// prefix is the folder that all members are in.
func (id archiveID) prefix() string { return "ctxa-" + id.String() + "/" }

func parseID(s string) (id archiveID, ok bool) {
	b, err := idEncoding().DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	copy(id[:], b)
	return id, id.String() == s
}
