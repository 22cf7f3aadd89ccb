package format

import (
	_ "embed"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Schema is the FileDescriptorSet that archives of this release carry, so that protoc reads
// them without us, and its SHA-256 in hexadecimal. The bytes are the caller's own.
func Schema() (set []byte, digest string) { return []byte(ownSet), ownDigest }

// ownSet is a file, for the package that makes a descriptor set out of the descriptors in the
// program costs every program that links it 0.2 MB before main. A test makes it again.
//
//go:embed schema.binpb
var ownSet string

// ownDigest is the SHA-256 of ownSet; a test compares them.
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
