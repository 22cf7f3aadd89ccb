package agentstate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// messages are all messages of the schema, nested ones too.
func messages(t *testing.T) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	var add func(ms protoreflect.MessageDescriptors)
	add = func(ms protoreflect.MessageDescriptors) {
		for i := range ms.Len() {
			out = append(out, ms.Get(i))
			add(ms.Get(i).Messages())
		}
	}
	pkg := new(pb.Meta).ProtoReflect().Descriptor().ParentFile().Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(f protoreflect.FileDescriptor) bool {
		add(f.Messages())
		return true
	})
	if len(out) < 50 {
		t.Fatalf("%d messages: the schema was not found", len(out))
	}
	return out
}

func isRecord(md protoreflect.MessageDescriptor) bool {
	f := md.Fields().ByName("meta")
	return f != nil && f.Number() == 1 && f.Message() != nil && f.Message().Name() == "Meta"
}

func kindOfMessage(md protoreflect.MessageDescriptor) string {
	return strings.ToLower(string(md.Name()))
}

func TestKindsAreTheSchema(t *testing.T) {
	kinds := Kinds()
	seen := map[string]bool{}
	for _, k := range kinds {
		if seen[k] {
			t.Errorf("%s is listed twice", k)
		}
		seen[k] = true
	}
	if kinds[0] != "origin" || kinds[len(kinds)-1] != "completeness" {
		t.Error("origin is not first, or completeness not last")
	}
	records := 0
	for _, md := range messages(t) {
		k := kindOfMessage(md)
		if !isRecord(md) {
			if seen[k] {
				t.Errorf("%s is a kind, but %s has no Meta in field 1", k, md.Name())
			}
			continue
		}
		records++
		if md.Name() == "Mark" || md.Name() == "Unknown" { // never archived under a kind of their own
			if seen[k] {
				t.Errorf("%s is listed", k)
			}
		} else if !seen[k] {
			t.Errorf("%s is no kind", md.Name())
		}
		if got := New(k).ProtoReflect().Descriptor(); got != md {
			t.Errorf("New(%q) makes %s", k, got.Name())
		}
	}
	if records != len(kinds)+2 {
		t.Errorf("%d records, %d kinds", records, len(kinds))
	}
	if _, ok := New("dream").(*pb.Unknown); !ok {
		t.Error("a kind of a later release is not Unknown")
	}
	for _, k := range kinds {
		if IsAuthority(k) && !IsState(k) {
			t.Errorf("%s gives power and is no state", k)
		}
	}
	for _, k := range []string{"origin", "gap", "completeness", "tombstone", "mark"} {
		if IsState(k) || slices.Contains(StateKinds(), k) {
			t.Errorf("%s is state", k)
		}
	}
	if !IsState("dream") {
		t.Error("a kind of a later release is no state")
	}
}

func TestSchemaShape(t *testing.T) {
	blobs := map[string]bool{}
	for _, md := range messages(t) {
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			name := string(md.Name()) + "." + string(fd.Name())
			if fd.IsMap() {
				t.Errorf("%s is a map: it has no order, so no fixed bytes", name)
			}
			isKey := strings.HasSuffix(string(fd.Name()), "_key") || strings.HasSuffix(string(fd.Name()), "_keys")
			if isKey && fd.Kind() != protoreflect.StringKind {
				t.Errorf("%s is no string: Refs would miss it", name)
			}
			if isKey && fd.IsList() != strings.HasSuffix(string(fd.Name()), "_keys") {
				t.Errorf("%s: _key is one, _keys are several", name)
			}
			if m := fd.Message(); m != nil {
				if m.ParentFile().Package() != md.ParentFile().Package() {
					t.Errorf("%s is a %s: Any and Struct hide what is in them", name, m.FullName())
				}
				if m.Name() == "Blob" {
					blobs[name] = true
				}
			}
		}
		var visit func(md protoreflect.MessageDescriptor, path []string)
		visit = func(md protoreflect.MessageDescriptor, path []string) {
			if slices.Contains(path, string(md.FullName())) {
				t.Fatalf("recursion: %v", append(path, string(md.FullName())))
			}
			path = append(path, string(md.FullName()))
			for i := range md.Fields().Len() {
				if m := md.Fields().Get(i).Message(); m != nil {
					visit(m, path)
				}
			}
		}
		visit(md, nil)
	}
	// Blobs walks native by hand: these are the places it knows.
	for _, want := range []string{"Data.blob", "Column.blob_ref", "Column.text_ref", "Piece.blob"} {
		if !blobs[want] {
			t.Errorf("%s is gone", want)
		}
		delete(blobs, want)
	}
	for b := range blobs {
		t.Errorf("Blobs does not know %s", b)
	}
}

func TestHoldsBlob(t *testing.T) {
	var reaches func(md protoreflect.MessageDescriptor) bool
	reaches = func(md protoreflect.MessageDescriptor) bool {
		if md.Name() == "Blob" {
			return true
		}
		for i := range md.Fields().Len() {
			if m := md.Fields().Get(i).Message(); m != nil && reaches(m) {
				return true
			}
		}
		return false
	}
	for _, md := range messages(t) {
		if md.Name() != "Meta" && reaches(md) && !holdsBlob(md) {
			t.Errorf("%s holds a blob and is passed over", md.Name())
		}
	}
}

// TestHardReferences: every hard reference exists, points to an earlier kind, and is called one in
// the schema's own comments, and the other way round.
func TestHardReferences(t *testing.T) {
	at := map[string]int{}
	for i, k := range Kinds() {
		at[k] = i
	}
	to := map[string]string{"conversation_key": "conversation", "space_key": "memoryspace", "suite_key": "testsuite"}
	n := 0
	for _, md := range messages(t) {
		if !isRecord(md) {
			continue
		}
		kind := kindOfMessage(md)
		for i := range md.Fields().Len() {
			f := string(md.Fields().Get(i).Name())
			if !IsHard(kind, f) {
				continue
			}
			n++
			if target, ok := to[f]; !ok {
				t.Errorf("%s.%s: to which kind?", kind, f)
			} else if at[target] >= at[kind] {
				t.Errorf("%s.%s points forward to %s", kind, f, target)
			}
			if md.Fields().Get(i).IsList() {
				t.Errorf("%s.%s is a list", kind, f)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d hard references exist in the schema, 6 are meant", n)
	}
	files, err := filepath.Glob("../../proto/exitramp/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatal("no schema files", err)
	}
	message := regexp.MustCompile(`^message (\w+) \{`)
	field := regexp.MustCompile(`^  (?:repeated )?string (\w+) = \d+;`)
	said := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		kind, comment := "", ""
		for line := range strings.Lines(string(b)) {
			if m := message.FindStringSubmatch(line); m != nil {
				kind = strings.ToLower(m[1])
			}
			if m := field.FindStringSubmatch(line); m != nil && strings.Contains(comment, "hard reference") {
				said++
				if !IsHard(kind, m[1]) {
					t.Errorf("%s: the comment on %s.%s says hard, IsHard does not", f, kind, m[1])
				}
			}
			comment = line
		}
	}
	if said == 0 {
		t.Error("no comment was read")
	}
}
