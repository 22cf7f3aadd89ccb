package format

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/formattest"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/frame"
)

func spec(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n > 500 {
		t.Errorf("SPEC.md has %d lines, at most 500", n)
	}
	return string(b)
}

// Annex A of SPEC.md is README.md as it is written.
func TestSpecReadme(t *testing.T) {
	_, annex, ok := strings.Cut(spec(t), "````\n")
	annex, _, ok2 := strings.Cut(annex, "````")
	if !ok || !ok2 {
		t.Fatal("no annex A")
	}
	m := &manifest{
		ArchiveID: "pi4m4cal325lki5wjsdjzx32ni", CreatedAt: "2026-01-02T03:04:05Z", Coverage: "GAPS", SchemaSHA256: strings.Repeat("5c", 32),
		Encryption: encryptionNone, Payload: manifestPayload{strings.Repeat("1d", 32), 4, 5},
	}
	sealed := *m
	sealed.Encryption, sealed.Compartments = encryptionAge, []manifestCompartment{{0, "", "classic"}, {1, "", "pq"}}
	beside := sealed
	beside.Ext = map[string]any{extShreddable: true}
	for name, m := range map[string]*manifest{"plain": m, "age": &sealed, "keys beside": &beside} {
		var want strings.Builder
		for line := range strings.Lines(annex) {
			mark, rest := line[0], strings.TrimPrefix(line[1:], " ")
			switch {
			case mark != '?' && mark != '!' && mark != '%' && mark != '*':
				want.WriteString(line)
			case mark == '?' && !m.encrypted() || mark == '!' && m.encrypted() || mark == '%' && m.shreddable():
				want.WriteString(rest)
			case mark == '*':
				for _, c := range m.Compartments {
					age := map[string]string{"pq": "1.3", "classic": "1.0"}[c.Weakest]
					want.WriteString(strings.NewReplacer("<n>", fmt.Sprint(c.N), "<weakest>", c.Weakest, "<version of §9>", age).Replace(rest))
				}
			}
		}
		text := strings.NewReplacer("<archive_id>", m.ArchiveID, "<created_at>", m.CreatedAt, "<coverage>", m.Coverage, "<schema_sha256>", m.SchemaSHA256,
			"<payload.members>", "4", "<payload.bytes>", "5", "<payload.manifest_sha256>", m.Payload.ManifestSHA256).Replace(want.String())
		if got := string(readme(m)); got != text {
			t.Errorf("%s: README.md is\n%s\nand by SPEC.md\n%s", name, got, text)
		}
	}
}

// Kinds, references, limits and classes in SPEC.md are those of the code.
func TestSpecTables(t *testing.T) {
	s := spec(t)
	var rows strings.Builder
	for _, k := range agentstate.Kinds() {
		var hard, soft []string
		references(agentstate.New(k).ProtoReflect().Descriptor(), "", func(field string) {
			if agentstate.IsHard(k, field) {
				hard = append(hard, field)
			} else {
				soft = append(soft, field)
			}
		})
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", k, strings.Join(hard, ", "), strings.Join(soft, ", "))
	}
	if !strings.Contains(squeeze(s), squeeze(rows.String())) {
		t.Errorf("SPEC.md §15 should have\n%s", rows.String())
	}
	if list := strings.Join(Classes(), ", "); !strings.Contains(strings.ReplaceAll(s, "\n", " "), "Classes of refusals: "+list+".") {
		t.Errorf("SPEC.md §16 should have %s", list)
	}
	if _, digest := Schema(); !strings.Contains(s, "    "+digest+"  ctxa/1 schema\n") {
		t.Errorf("SPEC.md §11 should have the schema %s", digest)
	}
	l := (*Limits)(nil).orDefault()
	for _, want := range []string{
		"| members | 1,000,000 | compartments | 64 |", "| 64 MiB | key files a compartment | 16 |", "| 64 MiB | attestations | 16 of 256 KiB |",
		"| 16 MiB | scrypt | 2^18 |", "| 64 | gap records | 1,000,000 |",
	} {
		if !strings.Contains(s, want) {
			t.Errorf("SPEC.md §16 lacks %s", want)
		}
	}
	if (l != Limits{1_000_000, 64 << 20, 64 << 20, 16 << 20, 64, 64, 16, 18, 16, 1_000_000}) || maxAttestation != 256<<10 || maxManifest != 1<<20 || chunkSize != 8<<20 || maxShardRecords != 1<<16 || runEntries != 1<<20 || minVector != 64 || maxVector != 1<<20 || fingerprintBits != 40 {
		t.Errorf("limits are %+v: SPEC.md has others", l)
	}
	vs, err := formattest.All()
	if err != nil {
		t.Fatal(err)
	}
	end := s[strings.LastIndex(s, "\n## "):] // whoever writes a reader looks for them last
	if want := fmt.Sprintf("holds %d archives", len(vs)); !strings.HasPrefix(end, "\n## Annex B: vectors\n") || !strings.Contains(end, want) {
		t.Errorf("SPEC.md: want %q at its end, in annex B", want)
	}
}

// squeeze leaves out spaces, which a table may have as it likes.
func squeeze(s string) string { return strings.ReplaceAll(s, " ", "") }

func references(md protoreflect.MessageDescriptor, path string, f func(field string)) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		n := string(fd.Name())
		switch {
		case n == "meta":
		case fd.Message() != nil:
			references(fd.Message(), path+n+".", f)
		case fd.Kind() == protoreflect.StringKind && (strings.HasSuffix(n, "_key") || strings.HasSuffix(n, "_keys")):
			f(path + n)
		}
	}
}

// The literals in SPEC.md are those of the vector accept-minimal.
func TestSpecLiterals(t *testing.T) {
	s := spec(t)
	vs, err := formattest.All()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, v := range vs {
		if v.Name == "accept-minimal" {
			b = v.Archive
		}
	}
	r := open(t, b, nil)
	m, root := r.c.a.man, r.c.roots[0]
	es, err := container.Read(bytes.NewReader(b), int64(len(b)), container.Limits{Members: 10, Stored: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, e := range es {
		if strings.HasSuffix(e.Name, root.Shards[0].Member) {
			stored, err := container.ReadMember(bytes.NewReader(b), e)
			if err != nil {
				t.Fatal(err)
			}
			dec, err := frame.NewDecoder(1 << 20)
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = dec.Decode(nil, stored, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := hex.EncodeToString(raw)
	_, salt, _ := strings.Cut(h, "2a20")
	want := []string{
		m.ArchiveID, m.Records.Root, hex.EncodeToString(root.Shards[0].Root), fmt.Sprintf(`"bytes": %d`, m.Payload.Bytes),
		"7a3e  0a10 " + hex.EncodeToString(m.id[:]) + "  1206 6d656d6f7279  1801  2a20 " + salt[:8] + "…" + salt[58:64],
		"0a13  0a0a 0a08 6d656d6f72792f61  2a05 68656c6c6f",
		m.created.Format(time.RFC3339),
	}
	for i := range 4 {
		line := fmt.Sprintf("%08x:", i*16)
		for k := 0; k < 16; k += 2 {
			line += " " + hex.EncodeToString(b[i*16+k:i*16+k+2])
		}
		want = append(want, line)
	}
	for _, w := range want {
		if !strings.Contains(s, w) {
			t.Errorf("SPEC.md lacks %s", w)
		}
	}
}
