package recordjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/recordjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// fill sets every field of m; of a oneof, the choice-th.
func fill(m protoreflect.Message, choice int) {
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() && o.Fields().Get(choice%o.Fields().Len()) != fd {
			continue
		}
		if fd.IsList() {
			l := m.Mutable(fd).List()
			for n := range 2 {
				l.Append(filled(fd, l.NewElement, choice+n))
			}
			continue
		}
		m.Set(fd, filled(fd, func() protoreflect.Value { return m.NewField(fd) }, choice))
	}
	m.SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1<<60))
}

func filled(fd protoreflect.FieldDescriptor, empty func() protoreflect.Value, choice int) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		v := empty()
		fill(v.Message(), choice)
		return v
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("ä \"quoted\" \u2028 <b> \\ " + string(fd.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([][]byte{{0, 0xff, '"'}, []byte(`{"text": "ü"}`)}[choice%2])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum([]protoreflect.EnumNumber{1, 77}[choice%2])
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0.1, 1e300}[choice%2])
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1<<32 - 1)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1<<64 - 1)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(-1 << 63)
	case protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(1<<63 - 1)
	}
	panic("a field of a new type: " + fd.FullName() + " " + protoreflect.FullName(fd.Kind().String()))
}

func trip(t *testing.T, r agentstate.Record) {
	t.Helper()
	line := recordjson.Append(nil, r)
	if !json.Valid(line) || bytes.ContainsRune(line, '\n') {
		t.Fatalf("not a line of JSON: %s", line)
	}
	got, err := recordjson.Parse(line)
	if err != nil {
		t.Fatalf("%v\n%s", err, line)
	}
	if d := cmp.Diff(r, got, protocmp.Transform()); d != "" {
		t.Errorf("-was +is\n%s", d)
	}
	a, _ := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(got)
	if !bytes.Equal(a, b) {
		t.Error("another encoding")
	}
}

// Every field of every kind, each choice of each oneof, comes back.
func TestEveryField(t *testing.T) {
	for _, kind := range append(agentstate.Kinds(), "kind of tomorrow") {
		t.Run(kind, func(t *testing.T) {
			for choice := range 12 {
				r := agentstate.New(kind)
				fill(r.ProtoReflect(), choice)
				r.GetMeta().Key = agentstate.Key(kind, "a/b")
				trip(t, r)
			}
		})
	}
}

func TestSample(t *testing.T) {
	for r, err := range memstate.Sample(50).Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		trip(t, r)
	}
}

// What is not a record is refused, and the error names the field and never the content.
func TestParseBad(t *testing.T) {
	for line, want := range map[string]string{
		``:           "EOF|unexpected end",
		`[]`:         "want an object",
		`{"kind":1}`: "want an object",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret \ud800 x"}`:           "half of a surrogate pair",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret \uDC00"}`:             "half of a surrogate pair",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret \ud800\u0041"}`:       "half of a surrogate pair",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret \ud800\ud800\udc00"}`: "half of a surrogate pair",
		`{}`:                "no kind",
		`{"kind":"memory"}`: `key is of a`,
		`{"kind":"memory","meta":{"key":"agent/1"}}`:                                                "key is of a",
		`{"kind":"memory","meta":{"key":"memory/1"},"secret":"s3cret"}`:                             "secret: not in the schema",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret","text":"s3cret"}`:               "comes twice",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":"s3cret","data":{}}`:                     "only one may be",
		`{"kind":"memory","meta":{"key":"memory/1"},"text":5}`:                                      "text: want a string",
		`{"kind":"memory","meta":{"key":"memory/1","created_unix_nano":1.5}}`:                       "created_unix_nano: the number is not a sfixed64",
		`{"kind":"memory","meta":{"key":"memory/1","created_unix_nano":9223372036854775808}}`:       "created_unix_nano",
		`{"kind":"memory","meta":{"key":"memory/1","derivation":"s3cret"}}`:                         "no Derivation of that name",
		`{"kind":"memory","meta":{"key":"memory/1"},"data":{"inline":"s3cret!"}}`:                   "inline: not base64",
		`{"kind":"memory","meta":{"key":"memory/1"},"data":{"inline":"YQ==","inline_text":"b"}}`:    "inline_text: differs",
		`{"kind":"memory","meta":{"key":"memory/1"},"data":{"media_type_text":"b"}}`:                "not in the schema",
		`{"kind":"memory","meta":{"key":"memory/1"},"unknown_fields":"CgA="}`:                       "field 1 is one of this schema",
		`{"kind":"memory","meta":{"key":"memory/1"},"unknown_fields":"/w=="}`:                       "not fields",
		`{"kind":"memory","meta":{"key":"memory/1"}} {}`:                                            "follows|after top-level",
		`{"kind":"memory","meta":null}`:                                                             "want {",
		`{"kind":"memory","meta":{"key":"memory/1","labels":{}}}`:                                   "labels: want [",
		"{\"kind\":\"memory\",\"meta\":{\"key\":\"memory/\xff\"}}":                                  "UTF-8",
		`{"kind":"memory","meta":{"key":"memory/1","view_of_keys":["` + strings.Repeat("x", 9) + ``: "unexpected",
	} {
		_, err := recordjson.Parse([]byte(line))
		if !errors.Is(err, recordjson.ErrSyntax) {
			t.Errorf("%s: %v", line, err)
			continue
		}
		ok := false
		for w := range strings.SplitSeq(want, "|") {
			ok = ok || strings.Contains(err.Error(), w)
		}
		if !ok || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v; want %s, and no content", line, err, want)
		}
	}
}

// Escapes that are characters are taken.
func TestEscapes(t *testing.T) {
	r, err := recordjson.Parse([]byte(`{"kind":"memory","meta":{"key":"memory/1"},"text":"\ud83d\ude00 \\ud800 \u00e9 \\"}`))
	if err != nil || r.(*pb.Memory).GetText() != `😀 \ud800 é \` {
		t.Errorf("%v %v", r, err)
	}
}

// Strings are written as encoding/json writes them, each byte and what is special among characters.
func TestStrings(t *testing.T) {
	for _, text := range []string{"plain", "\u2028\u2029", "ä", "\ufffd", "😀", "a\x7fb", "end\\"} {
		sameString(t, text)
	}
	for c := range 128 {
		sameString(t, "a"+string(rune(c))+"b")
	}
}

func sameString(t *testing.T, text string) {
	t.Helper()
	want, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	line := recordjson.AppendMessage(nil, (&pb.Label{Name: text}).ProtoReflect())
	if got := string(line); got != `{"name":`+string(want)+`}` {
		t.Errorf("%q: %s, want %s", text, got, want)
	}
}

// The schemas beside the .proto files are what Schema makes.
func TestSchema(t *testing.T) {
	for _, kind := range agentstate.Kinds() {
		got, err := recordjson.Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("../../proto/jsonschema/" + kind + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Error(d)
		}
	}
}

// What parses comes back the same.
func FuzzParse(f *testing.F) {
	for r, err := range memstate.Sample(3).Records(f.Context(), nil) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(recordjson.Append(nil, r))
	}
	f.Add(recordjson.Append(nil, &pb.Unknown{Meta: &pb.Meta{Key: "later/1"}}))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := recordjson.Parse(line)
		if err != nil {
			return
		}
		again, err := recordjson.Parse(recordjson.Append(nil, r))
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(r, again) {
			t.Error("changed on the way")
		}
	})
}

// BenchmarkAppend is beside protojson, whose lines hold the same but for what is text in bytes.
func BenchmarkAppend(b *testing.B) {
	var recs []agentstate.Record
	for r, err := range memstate.Sample(50).Records(b.Context(), nil) {
		if err != nil {
			b.Fatal(err)
		}
		recs = append(recs, r)
	}
	b.Run("recordjson", func(b *testing.B) {
		var line []byte
		for b.Loop() {
			for _, r := range recs {
				line = recordjson.Append(line[:0], r)
			}
		}
	})
	b.Run("protojson", func(b *testing.B) {
		var line []byte
		for b.Loop() {
			for _, r := range recs {
				line, _ = protojson.MarshalOptions{UseProtoNames: true}.MarshalAppend(line[:0], r)
			}
		}
	})
}
