package formattest_test

import (
	"bytes"
	"fmt"
	"testing"

	"filippo.io/age"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/formattest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// accepted are archives without a fault.
func accepted() []fault {
	clear := func(name, comment string, records int, recs func() []agentstate.Record) fault {
		return fault{name: name, expect: formattest.Accept, comment: comment, records: records, archive: func(t *testing.T) []byte {
			return write(t, plain(), recs()...)
		}}
	}
	// keyed is an archive for everybody, with the identities in open.
	keyed := func(name, comment string, everybody func(t *testing.T) []person, open ...int) fault {
		var ps []person
		f := fault{name: name, expect: formattest.Accept, comment: comment, records: bloblessRecords, archive: func(t *testing.T) []byte {
			ps = everybody(t)
			return sealedSmall(t, &format.WriterOptions{}, ps...).bytes()
		}}
		f.more = func(v *formattest.Vector) {
			for _, i := range open {
				if ps[i].text == "" {
					v.Passphrase = passphrase
				} else {
					v.Identities = append(v.Identities, ps[i].text)
				}
			}
		}
		if len(open) == 0 {
			f.records, f.level = 0, format.LevelStored
		}
		return f
	}
	pq := func(t *testing.T) []person { return []person{newPerson(t, false)} }
	classic := func(t *testing.T) []person { return []person{newPerson(t, true)} }
	mixed := func(t *testing.T) []person {
		return []person{newPerson(t, false), newPerson(t, true), newPerson(t, false)}
	}
	phrase := func(t *testing.T) []person { return []person{newPerson(t, false), spoken(t)} }
	return []fault{
		keysBeside(),
		clear("empty", "no records at all", 0, func() []agentstate.Record { return nil }),
		clear("minimal", "one record", 1, func() []agentstate.Record {
			return []agentstate.Record{&pb.Memory{Meta: meta("memory", "a"), Content: &pb.Memory_Text{Text: "hello"}}}
		}),
		clear("small", "a little of everything", smallRecords, small),
		clear("every-kind", "one record of each kind", len(agentstate.Kinds()), func() (out []agentstate.Record) {
			for _, k := range agentstate.Kinds() {
				r := agentstate.New(k)
				r.ProtoReflect().Set(r.ProtoReflect().Descriptor().Fields().ByName("meta"), protoreflect.ValueOfMessage(meta(k, "one").ProtoReflect()))
				out = append(out, r)
			}
			return out
		}),
		clear("unknown-kind", "records of a kind of a later release, and a field of one in a known kind", 3, func() []agentstate.Record {
			u := &pb.Unknown{Meta: meta("hologram", "1")}
			u.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 7, protowire.BytesType), "in three dimensions"))
			m := &pb.Memory{Meta: meta("memory", "1")}
			m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 5))
			return []agentstate.Record{u, &pb.Unknown{Meta: meta("hologram", "2")}, m}
		}),
		clear("zeros", "a mebibyte of zeros in one record", 1, func() []agentstate.Record {
			m := &pb.Opaque{Meta: meta("opaque", "zeros")}
			m.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Inline{Inline: make([]byte, 1<<20)}}}}}
			return []agentstate.Record{m}
		}),
		clear("blob-20-mib", "a blob of 20 MiB in three chunks, and an empty one", 2, func() []agentstate.Record {
			var out []agentstate.Record
			for i, n := range []int{20 << 20, 0} {
				a := &pb.Opaque{Meta: meta("opaque", fmt.Sprint(i))}
				a.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: fmt.Sprintf("zeros %d", n)}}}}}}
				out = append(out, a)
			}
			return out
		}),
		clear("vectors", "vectors of three lengths, of half precision, and none", 8, func() (out []agentstate.Record) {
			for i, n := range []int{16, 384, 17, 384, 1, 0} {
				out = append(out, &pb.Embedding{Meta: meta("embedding", fmt.Sprint(i)), Element: pb.Embedding_ELEMENT_FLOAT32, Vector: vector(i, n)})
			}
			return append(out,
				&pb.Embedding{Meta: meta("embedding", "half"), Element: pb.Embedding_ELEMENT_FLOAT16, Vector: vector(9, 32)},
				&pb.Embedding{Meta: meta("embedding", "odd"), Element: pb.Embedding_ELEMENT_FLOAT32, Vector: vector(9, 32)[:127]},
			)
		}),
		clear("strange-text", "NUL, private characters and right-to-left marks in text; bytes of any value", 1, func() []agentstate.Record {
			m := &pb.Memory{Meta: meta("memory", "\x00\xff/ü"), Name: "a\x00b\u202e\U0010ffff", Content: &pb.Memory_Text{Text: "\ufeff"}}
			m.Meta.Native = []*pb.Native{{Type: "row", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "v", Value: &pb.Column_Text{Text: []byte("\xed\xa0\x80\x00\xff")}}}}}}}
			return []agentstate.Record{m}
		}),
		{name: "unknown-ext", expect: formattest.Accept, comment: "names of a later release in ext", records: smallRecords, archive: func(t *testing.T) []byte {
			f := base(t)
			f.manifest("ext", `{"later": {"deep": [1, 2.5, null, true]}}`)
			return f.bytes()
		}},
		{name: "foreign-schema", expect: formattest.Accept, comment: "a schema that no release published, which the reader was told to take", records: smallRecords, archive: func(t *testing.T) []byte {
			return base(t).swapEnums().bytes()
		}, more: func(v *formattest.Vector) { v.AcceptSchema = true }},
		keyed("pq", "post-quantum recipient", pq, 0),
		keyed("classic", "X25519 recipient", classic, 0),
		keyed("mixed", "three recipients of two classes, opened by the X25519 one", mixed, 1),
		keyed("mixed-pq", "three recipients of two classes, opened by the last post-quantum one", mixed, 2),
		keyed("passphrase", "a passphrase beside a post-quantum recipient", phrase, 1),
		keyed("no-identity", "an encrypted archive and no key: what is stored is intact", classic),
		compartments("two-compartments", "two post-quantum compartments, both open", bloblessRecords, 0, 1),
		compartments("one-of-two", "two compartments, the second one closed", bloblessRecords-3, 0),
		compartments("other-of-two", "two compartments, the first one closed", 3, 1),
	}
}

// compartments is an archive whose memories are sealed for another person.
func compartments(name, comment string, records int, open ...int) fault {
	var ps []person
	f := fault{name: name, expect: formattest.Accept, comment: comment, records: records, archive: func(t *testing.T) []byte {
		ps = []person{newPerson(t, false), newPerson(t, false)}
		opts := &format.WriterOptions{Created: instant(), Workers: 1}
		opts.Recipients = append(opts.Recipients, ps[0].to)
		c := format.Compartment{Name: "memories", Match: func(r agentstate.Record) bool { return agentstate.KindOf(r) == "memory" }}
		c.Recipients = append(c.Recipients, ps[1].to)
		opts.Compartments = []format.Compartment{c}
		return write(t, opts, blobless()...)
	}}
	f.more = func(v *formattest.Vector) {
		for _, i := range open {
			v.Identities = append(v.Identities, ps[i].text)
		}
	}
	if len(open) < 2 {
		f.level = format.LevelStored
	}
	return f
}

// besides is an archive whose key files lie beside it, and those.
func besides(t *testing.T, p person) ([]byte, map[string][]byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := format.NewWriter(&b, &format.WriterOptions{Recipients: []age.Recipient{p.to}, KeysBeside: true, Created: instant(), Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range blobless() {
		if err := w.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.KeyFiles()
}

func keysBeside() fault {
	var p person
	var keys map[string][]byte
	return fault{
		name: "keys-beside", expect: formattest.Accept, comment: "the key file lies beside the archive", records: bloblessRecords,
		archive: func(t *testing.T) (b []byte) {
			p = newPerson(t, true)
			b, keys = besides(t, p)
			return b
		},
		more: func(v *formattest.Vector) { v.Identities, v.Keys = []string{p.text}, keys },
	}
}
