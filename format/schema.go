package format

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Schema is the FileDescriptorSet that archives of this release carry, so that protoc reads
// them without us, and its SHA-256 in hexadecimal.
func Schema() (set []byte, digest string) {
	s := ownSchema()
	return s.set, s.digest
}

type schema struct {
	set    []byte
	digest string
}

//go:embed schema.binpb
var ownSet string

// ownSchema is a constant of the build: as a file, for the package that makes a descriptor set out of
// the descriptors in the program costs every program that links it 0.2 MB before main.
var ownSchema = sync.OnceValue(func() schema {
	sum := sha256.Sum256([]byte(ownSet))
	return schema{[]byte(ownSet), hex.EncodeToString(sum[:])}
})

// ownDigest is what [Schema] has for a digest, so that a reader need not build the schema to know
// it; a test compares them.
const ownDigest = "40f60aef5b56d1c64b2844dfa23ff49569354f2a56fddbd904c24da4bcafcac9"

// publishedSchema tells whether a release published the schema of this digest. A digest is
// added here when the schema changes after a release; none is ever removed.
func publishedSchema(digest string) bool { return digest == ownDigest }

// publishedKinds are the state kinds of the release that published the schema of this digest:
// those a writer with this schema has to speak of, also when later releases have more. nil: no
// release published it.
func publishedKinds(digest string) []string {
	if !publishedSchema(digest) {
		return nil
	}
	return agentstate.StateKinds()
}
