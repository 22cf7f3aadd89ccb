package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Schema is the FileDescriptorSet that archives of this release carry, so that protoc reads
// them without us, and its SHA-256 in hexadecimal.
func Schema() (set []byte, digest string, err error) {
	s := ownSchema()
	return s.set, s.digest, s.err
}

type schema struct {
	set    []byte
	digest string
	err    error
}

// ownSchema is computed once: it is a constant of the build.
var ownSchema = sync.OnceValue(buildSchema)

func buildSchema() schema {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	add(pb.File_exitramp_v1_shards_proto)
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return schema{err: fmt.Errorf("format: schema: %v", err)}
	}
	sum := sha256.Sum256(b)
	return schema{b, hex.EncodeToString(sum[:]), nil}
}

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
