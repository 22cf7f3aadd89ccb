package formattest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/formattest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// manifestFaults are faults of manifest.json, of the digest list, and of what hangs on them.
func manifestFaults() []fault {
	// value sets one value in manifest.json; nothing else follows.
	value := func(name, class, comment, key, v string) fault {
		return fault{name: name, expect: class, comment: comment, member: manifestJSON, archive: func(t *testing.T) []byte {
			f := base(t)
			f.manifest(key, v)
			return f.bytes()
		}}
	}
	text := func(name, comment string, edit func(s string) string) fault {
		return fault{name: name, expect: "manifest", comment: comment, member: manifestJSON, archive: func(t *testing.T) []byte {
			f := base(t)
			f.set(manifestJSON, []byte(edit(string(f.get(manifestJSON)))))
			return f.bytes()
		}}
	}
	list := func(name, class, comment, member string, edit func(s string) string) fault {
		return fault{name: "list-" + name, expect: class, comment: comment, member: member, archive: func(t *testing.T) []byte {
			f := base(t)
			f.set(listTxt, []byte(edit(string(f.get(listTxt)))))
			return f.relist().bytes()
		}}
	}
	insert := func(line string) func(string) string {
		return func(s string) string { return strings.Replace(s, "{\n", "{\n  "+line+",\n", 1) }
	}
	return []fault{
		{name: "no-policy", expect: "no-policy", comment: "a sound archive; the reader was not told what to trust", archive: func(t *testing.T) []byte { return base(t).bytes() }, more: func(v *formattest.Vector) { v.NoPolicy = true }},
		value("format", "version", "a later major version", "format", `"ctxa/2"`),
		value("requires", "version", "an ability that no reader of this release has", "requires", `["columns"]`),
		value("requires-number", "manifest", "requires holds a number", "requires", `[1]`),
		text("duplicate-key", "a name twice", insert(`"sequence": 1`)),
		text("case-variant", "a name that differs in letter case alone", insert(`"Sequence": 1`)),
		text("unknown-key", "a name outside of ext that no release has", insert(`"note": "hello"`)),
		text("duplicate-inside", "a name twice, inside of payload", func(s string) string {
			return strings.Replace(s, `"members"`, `"bytes": 1, "members"`, 1)
		}),
		text("missing-key", "without coverage", func(s string) string { return strings.Replace(s, `"coverage": "GAPS",`, "", 1) }),
		text("deep", "ext nested 40 deep", func(s string) string {
			return strings.Replace(s, `"ext": {}`, `"ext": {"a": `+strings.Repeat("[", 40)+strings.Repeat("]", 40)+"}", 1)
		}),
		text("trailing", "a second document behind the first", func(s string) string { return s + "{}" }),
		text("not-json", "no JSON", func(s string) string { return "format=ctxa/1\n" }),
		text("array", "an array of manifests", func(s string) string { return "[" + s + "]" }),
		text("invalid-utf8", "text that is not UTF-8", func(s string) string {
			return strings.Replace(s, `"ext": {}`, "\"ext\": {\"a\": \"\xff\"}", 1)
		}),
		text("byte-order-mark", "a byte order mark in front", func(s string) string { return "\uFEFF" + s }),
		value("sequence-float", "manifest", "a sequence with a fraction", "sequence", "1.0"),
		value("sequence-negative", "manifest", "a negative sequence", "sequence", "-1"),
		value("sequence-large", "manifest", "a sequence of more than 64 bits", "sequence", "18446744073709551616"),
		value("sequence-text", "manifest", "a sequence in quotes", "sequence", `"1"`),
		value("created-zone", "manifest", "a time with a zone", "created_at", `"2026-01-02T04:04:05+01:00"`),
		value("archive-id", "manifest", "the id of another archive", "archive_id", `"aaaaaaaaaaaaaaaaaaaaaaaaaa"`),
		value("base", "manifest", "a base that is no digest", "base", `"yesterday"`),
		value("encryption", "manifest", "an encryption that no release has", "encryption", `"rot13"`),
		value("coverage-word", "manifest", "a coverage that is none of the four words", "coverage", `"COMPLETE"`),
		value("ext", "manifest", "ext is a list", "ext", `[]`),
		{name: "sequence-below-minimum", expect: "stale", comment: "sequence 1, and the reader asks for 2", member: manifestJSON, archive: func(t *testing.T) []byte { return base(t).bytes() }, more: func(v *formattest.Vector) { v.MinSequence = 2 }},
		{name: "lineage", expect: "stale", comment: "another line of archives than the reader asks for", member: manifestJSON, archive: func(t *testing.T) []byte { return base(t).bytes() }, more: func(v *formattest.Vector) { v.Lineage = "crm" }},
		{name: "payload-members", expect: "manifest", comment: "one data member more than there are; README.md follows", archive: func(t *testing.T) []byte {
			f := base(t)
			n := f.manifestValue("members")
			var k int
			fmt.Sscan(n, &k)
			f.manifest("members", fmt.Sprint(k+1))
			f.readme(n+" members of data", fmt.Sprint(k+1)+" members of data")
			return f.bytes()
		}, member: manifestJSON},
		{name: "payload-digest", expect: "digest", comment: "the digest of another list; README.md follows", archive: func(t *testing.T) []byte {
			f := base(t)
			old, now := f.manifestValue("manifest_sha256"), strings.Repeat("5a", 32)
			f.manifest("manifest_sha256", `"`+now+`"`)
			f.readme(old, now)
			return f.bytes()
		}, member: listTxt},
		{name: "bagit", expect: "manifest", comment: "bagit.txt of another version", archive: func(t *testing.T) []byte {
			f := base(t)
			f.set("bagit.txt", bytes.Replace(f.get("bagit.txt"), []byte("1.0"), []byte("0.9"), 1))
			return f.bytes()
		}, member: "bagit.txt"},
		{name: "readme", expect: "manifest", comment: "one byte of README.md is another", archive: func(t *testing.T) []byte {
			f := base(t)
			f.readme("public tools", "pubic tools")
			return f.bytes()
		}, member: readmeMD},
		{name: "readme-digest", expect: "manifest", comment: "README.md shows the digest of another list", archive: func(t *testing.T) []byte {
			f := base(t)
			f.readme(f.manifestValue("manifest_sha256"), strings.Repeat("5a", 32))
			return f.bytes()
		}, member: readmeMD},
		list("unsorted", "manifest", "two lines change places", listTxt, func(s string) string {
			l := slices.Collect(strings.Lines(s))
			l[1], l[2] = l[2], l[1]
			return strings.Join(l, "")
		}),
		list("twice", "manifest", "a line twice", listTxt, func(s string) string {
			l := slices.Collect(strings.Lines(s))
			return strings.Join(slices.Insert(l, 1, l[0]), "")
		}),
		list("missing-line", "digest", "a data member that is not listed", "", func(s string) string {
			l := slices.Collect(strings.Lines(s))
			return strings.Join(l[1:], "")
		}),
		list("extra-line", "digest", "a line for a member that is not there", listTxt, func(s string) string {
			return s + strings.Repeat("0", 64) + "  data/zzz\n"
		}),
		list("readme-listed", "digest", "a line for README.md", listTxt, func(s string) string {
			return strings.Repeat("0", 64) + "  README.md\n" + s
		}),
		list("upper-case", "manifest", "digests in upper case", listTxt, func(s string) string {
			l := slices.Collect(strings.Lines(s))
			l[0] = strings.ToUpper(l[0][:64]) + l[0][64:]
			return strings.Join(l, "")
		}),
		list("star", "manifest", "the asterisk of binary mode", listTxt, func(s string) string { return strings.Replace(s, "  ", " *", 1) }),
		list("no-newline", "manifest", "the last line does not end", listTxt, func(s string) string { return strings.TrimSuffix(s, "\n") }),
		list("crlf", "digest", "lines that end as on another system", listTxt, func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }),
		list("zero-digest", "digest", "a digest of zeros", memoryShard, func(s string) string {
			at := strings.Index(s, memoryShard) - 66
			return s[:at] + strings.Repeat("0", 64) + s[at+64:]
		}),
		{name: "flipped-byte", expect: "digest", comment: "a byte of a shard is another, and the CRC follows", archive: func(t *testing.T) []byte {
			f := base(t)
			f.get(memoryShard)[20] ^= 1
			return f.bytes()
		}, member: memoryShard, released: 3},
		{name: "swapped-members", expect: "digest", comment: "two members have each other's content", archive: func(t *testing.T) []byte {
			f := base(t)
			a, b := f.get(memoryShard), f.get(messageShard)
			f.set(memoryShard, b)
			f.set(messageShard, a)
			return f.bytes()
		}, released: 3, member: memoryShard},
		{name: "member-added", expect: "digest", comment: "a further shard that the list does not have", archive: func(t *testing.T) []byte {
			f := base(t)
			f.addAfter(memoryShard, "data/r/memory/00000099.pb.zst", f.get(memoryShard))
			return f.bytes()
		}, member: "data/r/memory/00000099.pb.zst"},
		{name: "member-added-listed", expect: "payload", comment: "a further shard; list and manifest made again", archive: func(t *testing.T) []byte {
			f := base(t)
			f.addAfter(memoryShard, "data/r/memory/00000099.pb.zst", f.get(memoryShard))
			return f.refresh().bytes()
		}, member: "data/r/memory/00000099.pb.zst"},
		{name: "member-missing", expect: "digest", comment: "a listed shard is not there", archive: func(t *testing.T) []byte {
			f := base(t)
			f.remove(memoryShard)
			return f.bytes()
		}, member: listTxt},
		{name: "shard-fewer", expect: "payload", comment: "a shard dropped; list and manifest made again", archive: func(t *testing.T) []byte {
			f := base(t)
			f.remove(memoryShard)
			return f.refresh().bytes()
		}, member: rootMember},
		{name: "shard-fewer-everywhere", expect: "payload", comment: "a shard dropped; list, manifest, root, tree and counts made again, not the index", archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			last := len(r.Shards) - 3 // opaque, before gap and completeness
			if r.Shards[last].Kind != "opaque" {
				t.Fatal(r.Shards[last].Kind)
			}
			f.remove(r.Shards[last].Member)
			r.Shards = slices.Delete(r.Shards, last, last+1)
			f.top(r)
			return f.setRoot(0, r).refresh().bytes()
		}, member: manifestJSON},
		{name: "sibling-shard", expect: "digest", comment: "the same shard of another archive", archive: func(t *testing.T) []byte {
			f := base(t)
			f.set(memoryShard, sibling(t).get(memoryShard))
			return f.bytes()
		}, member: memoryShard, released: 3},
		{name: "sibling-shard-listed", expect: "payload", comment: "the same shard of another archive; list, manifest, root and trees made again", archive: func(t *testing.T) []byte {
			f, o := base(t), sibling(t)
			f.set(memoryShard, o.get(memoryShard))
			r := f.root(0)
			f.shardOf(r, "memory").Root = o.shardOf(o.root(0), "memory").Root
			f.shardOf(r, "memory").RawSize = o.shardOf(o.root(0), "memory").RawSize
			f.top(r)
			return f.setRoot(0, r).refresh().bytes()
		}, member: memoryShard, released: 3},
		{name: "sibling-root", expect: "payload", comment: "the root of another archive of the same records", archive: func(t *testing.T) []byte {
			f := base(t)
			f.set(rootMember, sibling(t).get(rootMember))
			return f.refresh().bytes()
		}, member: rootMember},
		{name: "schema-swapped", expect: "schema", comment: "a schema in which ALLOW and DENY have each other's names", archive: func(t *testing.T) []byte {
			return base(t).swapEnums().bytes()
		}},
		{name: "schema-missing", expect: "schema", comment: "no schema", archive: func(t *testing.T) []byte {
			f := base(t)
			f.remove(f.members[1].name)
			return f.refresh().bytes()
		}},
		{name: "schema-name", expect: "schema", comment: "the schema under the name of another digest", archive: func(t *testing.T) []byte {
			f := base(t)
			f.members[1].name = "data/schema/" + strings.Repeat("5a", 32) + ".binpb"
			return f.refresh().bytes()
		}},
	}
}

// sibling is another archive of the same records.
func sibling(t *testing.T) *forge {
	t.Helper()
	o := plain()
	o.Seed = []byte("sibling")
	return newForge(t, write(t, o, small()...))
}

// swapEnums gives two values of an enum each other's names, and makes digests again.
func (f *forge) swapEnums() *forge {
	f.t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	old := f.members[1].name
	if err := proto.Unmarshal(f.get(old), set); err != nil {
		f.t.Fatal(err)
	}
	done := false
	for _, file := range set.File {
		for _, m := range file.MessageType {
			for _, e := range m.EnumType {
				if m.GetName() == "ToolGrant" && e.GetName() == "Effect" {
					v := e.Value
					v[1].Name, v[2].Name, done = v[2].Name, v[1].Name, true
				}
			}
		}
	}
	if !done {
		f.t.Fatal("no enum Effect in the schema")
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		f.t.Fatal(err)
	}
	digest := sha256.Sum256(b)
	f.members[1] = part{"data/schema/" + hex.EncodeToString(digest[:]) + ".binpb", b}
	f.readme(old, f.members[1].name)
	f.manifest("schema_sha256", fmt.Sprintf("%q", hex.EncodeToString(digest[:])))
	return f.refresh()
}

// coverageFaults are archives that claim to be more whole than their facts say.
func coverageFaults() []fault {
	cov := func(name, comment string, edit func(f *forge, r *pb.Root)) fault {
		return fault{name: name, expect: "coverage", comment: comment, archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			edit(f, r)
			return f.setRoot(0, r).refresh().bytes()
		}}
	}
	claim := func(f *forge, word string) { f.manifest("coverage", `"`+word+`"`) }
	memory := func(r *pb.Root) *pb.KindSummary {
		return r.Summary.Kinds[slices.IndexFunc(r.Summary.Kinds, func(k *pb.KindSummary) bool { return k.Kind == "memory" })]
	}
	return []fault{
		cov("manifest-better", "the manifest says RECONCILED, the root GAPS", func(f *forge, _ *pb.Root) { claim(f, "RECONCILED") }),
		cov("manifest-worse", "the manifest says UNKNOWN, the root GAPS", func(f *forge, _ *pb.Root) { claim(f, "UNKNOWN") }),
		cov("kind-better", "manifest and root say RECONCILED of a kind with a gap", func(f *forge, r *pb.Root) {
			claim(f, "RECONCILED")
			memory(r).Coverage = "RECONCILED"
		}),
		{name: "unsupported", expect: "coverage", comment: "RECONCILED, with a kind that the source could not read", archive: func(t *testing.T) []byte {
			recs := slices.DeleteFunc(small(), func(r agentstate.Record) bool { return agentstate.KindOf(r) == "gap" })
			st := recs[len(recs)-1].(*pb.Completeness)
			for _, k := range st.Kinds {
				if k.Kind == "run" {
					k.Class = pb.KindCompleteness_CLASS_UNSUPPORTED
				}
			}
			f := newForge(t, write(t, plain(), recs...))
			if got := f.manifestValue("coverage"); got != "UNKNOWN" {
				t.Fatal(got)
			}
			claim(f, "RECONCILED")
			return f.relist().bytes()
		}},
		cov("kind-left-out", "a kind that was not read is not among those that the writer knew", func(f *forge, r *pb.Root) {
			st := r.Summary.Statements[0]
			st.Kinds = slices.DeleteFunc(st.Kinds, func(k *pb.KindCompleteness) bool { return k.Kind == "run" })
			r.Summary.KnownKinds = slices.DeleteFunc(r.Summary.KnownKinds, func(k string) bool { return k == "run" })
		}),
		{name: "gap-left-out", expect: "coverage", comment: "RECONCILED by facts in the root that are not those of the records", released: smallRecords, archive: func(t *testing.T) []byte {
			f := base(t)
			r := f.root(0)
			claim(f, "RECONCILED")
			k := memory(r)
			k.Gaps, k.Uncounted, k.Coverage = 0, 0, "RECONCILED"
			for _, s := range r.Summary.Kinds { // the gap is counted as one of a kind that was not judged
				if s.Kind == "gap" {
					s.Gaps, s.Uncounted = 1, 1
				}
			}
			return f.setRoot(0, r).refresh().bytes()
		}},
		{name: "statement-changed", expect: "coverage", comment: "the root has other facts than the Completeness record; the coverage is the same", released: smallRecords, archive: func(t *testing.T) []byte {
			return base(t).editRoot(func(r *pb.Root) {
				for _, k := range r.Summary.Statements[0].Kinds {
					if k.Kind == "memory" {
						k.Enumerated++
						*k.Reference++
					}
				}
			}).bytes()
		}},
	}
}
