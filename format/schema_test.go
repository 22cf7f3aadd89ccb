package format

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var update = flag.Bool("update", false, "write schema.binpb anew")

// The schema that writers put into archives is that of the generated code, and readers know its digest.
func TestOwnSchema(t *testing.T) {
	want := linkedSchema(t)
	if *update {
		if err := os.WriteFile("schema.binpb", want, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("written: build and test again")
	}
	set, digest := Schema()
	if !bytes.Equal(set, want) {
		t.Errorf("schema.binpb has %d bytes, the descriptors of the generated code %d, and they differ: go test ./format -run TestOwnSchema -update", len(set), len(want))
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(set)); digest != sum || !publishedSchema(digest) {
		t.Errorf("ownDigest is %s, want %s: put it into schema.go", digest, sum)
	}
	clear(set)
	if again, _ := Schema(); !bytes.Equal(again, want) {
		t.Error("who writes into the bytes of Schema changes what archives get")
	}
}

// linkedSchema is the set of the descriptors that are in the program, each after what it imports.
func linkedSchema(t *testing.T) []byte {
	t.Helper()
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
		t.Fatal(err)
	}
	return b
}
