package exitdrill_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// stateOf is the digest of what is in a target, as evidence.Runtime describes it, by other means than the drill's.
func stateOf(t *testing.T, src agentstate.Source, kinds ...string) (string, uint64) {
	t.Helper()
	sums, counts := map[string]hash.Hash{}, map[string]uint64{}
	total := uint64(0)
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		kind := agentstate.KindOf(r)
		if !agentstate.IsState(kind) || len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		if sums[kind] == nil {
			sums[kind] = sha256.New()
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		sums[kind].Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		sums[kind].Write(b)
		counts[kind]++
		total++
	}
	var lines []string
	for kind, h := range sums {
		lines = append(lines, fmt.Sprintf("%s %d %x\n", kind, counts[kind], h.Sum(nil)))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "")))), total
}

// TestStateDigest: what was read back is a subject of the statement, and whoever reads the target gets the
// same digest. What lies there otherwise gets another.
func TestStateDigest(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan())
	want, n := stateOf(t, p.runtimes["target"])
	got := out.Predicate.Target
	if got.StateDigest.SHA256 != want || got.StateRecords != n || n == 0 {
		t.Errorf("%s over %d records, want %s over %d", got.StateDigest.SHA256, got.StateRecords, want, n)
	}
	if s := out.Predicate.Source.StateDigest; s.SHA256 != "" {
		t.Error("the source has the digest of a target")
	}
	f, err := os.Open(filepath.Join(p.dir, "out", "q.statement.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := evidence.ParseStatement(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if st.Subject[0].Name != "manifest.json" || st.Subject[2].Name != evidence.SubjectState || st.Subject[2].Digest.SHA256 != want {
		t.Errorf("subjects %+v", st.Subject[:3])
	}
	p.runtimes["target"].Set(&pb.Memory{Meta: &pb.Meta{Key: "memory/later"}})
	if since, _ := stateOf(t, p.runtimes["target"]); since == want {
		t.Error("another state has the same digest")
	}
}

// TestSummaries: a drill that is signed leaves a test result and a simple verification result beside its statement,
// signed by the same key, about that statement and what it is about.
func TestSummaries(t *testing.T) {
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1"))
	keys, err := format.ParseTrust(strings.NewReader(p.read("ops.key.pub")))
	if err != nil {
		t.Fatal(err)
	}
	for suffix, kind := range map[string]string{".test-result.sigstore.json": report.TypeTestResult, ".svr.sigstore.json": report.TypeSVR} {
		name := filepath.Join("out", "q"+suffix)
		payload, signed, err := format.CheckStatement([]byte(p.read(name)), &format.Trust{Keys: keys}, kind)
		if err != nil || len(signed) != 1 {
			t.Errorf("%s: %v, %v", name, signed, err)
			continue
		}
		var st struct {
			Subject   []evidence.Subject
			Predicate struct {
				Result     string
				Properties []string
			}
		}
		if err := json.Unmarshal(payload, &st); err != nil {
			t.Fatal(err)
		}
		if s := st.Subject; len(s) != 3 || s[0].Name != report.NameStatement || s[0].Digest.SHA256 != fmt.Sprintf("%x", sha256.Sum256(out.Statement)) || s[1].Digest.SHA256 != out.Predicate.Archive.ManifestSHA256 {
			t.Errorf("%s is about %+v", name, s)
		}
		if r := st.Predicate; r.Result != "PASSED" && !slices.Contains(r.Properties, "EXITRAMP_L1_PLANNED") {
			t.Errorf("%s: %+v of a drill that passed", name, r)
		}
		if !slices.Contains(out.Files, filepath.Join(p.dir, name)) {
			t.Errorf("%s is not among %v", name, out.Files)
		}
	}
}

// TestEscrow: an auditor can tell which key of escrow opened the archive: by the digest of its public key, which
// sha256sum computes, too.
func TestEscrow(t *testing.T) {
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1", "identities: []", "recipients: [DIR/ops.age.pub, DIR/other.age.pub], identities: [DIR/ops.age], escrow: [DIR/other.age]"))
	sum := sha256.Sum256([]byte(strings.TrimSpace(p.read("other.age.pub"))))
	rs := out.Predicate.Archive.Recipients
	if rs[0].Role != "operator" || rs[0].Fingerprint == "" || rs[0].Fingerprint == hex.EncodeToString(sum[:8]) {
		t.Errorf("the operator's key is not named: %+v", rs)
	}
	for _, n := range []int{29, 32} { // no later phase ended early: there was none
		if c := out.Predicate.Checks[n-1]; c.Why != "level L1 imports nothing" {
			t.Errorf("%s: %s", c.ID, c.Why)
		}
	}
	if i := slices.IndexFunc(rs, func(r evidence.Recipient) bool { return r.Role == "escrow" }); i < 0 || rs[i].Fingerprint != hex.EncodeToString(sum[:8]) || !rs[i].OpenedInDrill {
		t.Errorf("%+v, and the key is %x", rs, sum)
	}
	if c := out.Predicate.Checks[29]; c.Result != evidence.Pass {
		t.Errorf("%+v", c)
	}
}

// TestOwnEscrow: who loses the operator's key loses with it what opens with that one alone.
func TestOwnEscrow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1", "identities: []", "recipients: [DIR/ops.age.pub], identities: [DIR/ops.age], escrow: [DIR/ops.age]"))
	if c := out.Predicate.Checks[29]; c.Result != evidence.Warn || !strings.Contains(c.Why, "1 of these the operator's own") {
		t.Errorf("%+v", c)
	}
}

// TestTree: the root over the records is the one in manifest.json, a subject with its leaves; a kind in one
// shard has the root that a proof of one of its records leads to.
func TestTree(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1"))
	z, err := zip.OpenReader(filepath.Join(p.dir, "a.ctxa"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var man struct {
		Records struct {
			Root   string
			Shards uint64
		}
	}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/manifest.json") {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(rc).Decode(&man); err != nil {
			t.Fatal(err)
		}
		rc.Close()
	}
	var st evidence.Statement
	if err := json.Unmarshal(out.Statement, &st); err != nil {
		t.Fatal(err)
	}
	want := evidence.Subject{Name: "tree-root", Digest: evidence.Digest{SHA256: man.Records.Root}, Annotations: &evidence.Annotations{Leaves: man.Records.Shards, Alg: "rfc6962-sha256"}}
	if d := cmp.Diff(want, st.Subject[1]); d != "" || man.Records.Shards == 0 {
		t.Error(d)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, "a.ctxa"))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := format.ParseIdentities(strings.NewReader(p.read("ops.age")))
	if err != nil {
		t.Fatal(err)
	}
	in, err := format.Inspect(bytes.NewReader(b), int64(len(b)), &format.ReaderOptions{Policy: format.IntegrityOnly(), Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range out.Predicate.Kinds {
		if got := k.TreeRoot.SHA256; k.Archived > 0 && (len(in.Roots[k.Kind]) != 1 || got != in.Roots[k.Kind][0]) || k.Archived == 0 && got != "" {
			t.Errorf("%s of %d records: root %q, want %v", k.Kind, k.Archived, got, in.Roots[k.Kind])
		}
	}
}

// TestSchemas: each kind names the file of the archive that describes it, and its digest is that file's.
func TestSchemas(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1"))
	z, err := zip.OpenReader(filepath.Join(p.dir, "a.ctxa"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, rc); err != nil {
			t.Fatal(err)
		}
		rc.Close()
		_, name, _ := strings.Cut(f.Name, "/")
		files[name] = hex.EncodeToString(h.Sum(nil))
	}
	kinds := map[string]bool{}
	for _, s := range out.Predicate.Archive.Schemas {
		kinds[s.Kind] = true
		if files[s.File] == "" || files[s.File] != s.Digest.SHA256 {
			t.Errorf("%+v, and the archive has %q", s, files[s.File])
		}
	}
	for _, k := range out.Predicate.Kinds {
		if k.Archived > 0 && !kinds[k.Kind] {
			t.Errorf("no schema of %s", k.Kind)
		}
	}
	if k := kind(out, "toolgrant"); k.DataClass != evidence.DataAsset || k.SourceForm != evidence.FormVerbatim {
		t.Errorf("toolgrant: %s, %s", k.DataClass, k.SourceForm)
	}
	if k := kind(out, "memory"); k.DataClass != evidence.DataExportable {
		t.Errorf("memory: %s", k.DataClass)
	}
}

// TestBlockProof: what the system showed of the block lies beside the statement, which has its digest. A
// planned drill has neither.
func TestBlockProof(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.opts.BlockProof = []byte("what the system showed\n")
	p.opts.Blocked = evidence.Block{Method: "empty network namespace", Enforced: true}
	first := p.run(p.plan())
	if d := first.Predicate.Drill.ProviderBlocked.ProofDigest; d.SHA256 != "" {
		t.Errorf("planned, and the proof of a block is %s", d.SHA256)
	}
	out := p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	b, err := os.ReadFile(filepath.Join(p.dir, "out", "r.block.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(b)); string(b) != "what the system showed\n" || out.Predicate.Drill.ProviderBlocked.ProofDigest.SHA256 != sum {
		t.Errorf("%q is %s, the statement says %+v", b, sum, out.Predicate.Drill.ProviderBlocked)
	}
	if !slices.Contains(out.Files, filepath.Join(p.dir, "out", "r.block.txt")) {
		t.Errorf("not among its files: %v", out.Files)
	}
}

// TestObligations: each check says whether it is a gate, and each obligation which checks are input to it.
func TestObligations(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pr := p.run(p.plan("level: L3", "level: L1")).Predicate
	gates := 0
	for _, c := range pr.Checks {
		if c.Gate {
			gates++
		}
	}
	if want := len(evidence.DefaultGates().At(evidence.L1)); gates != want {
		t.Errorf("%d gates, want %d", gates, want)
	}
	i := slices.IndexFunc(pr.Obligations, func(o evidence.Obligation) bool { return o.Source == "DA-25(2)(a)" })
	if i < 0 || !slices.Contains(pr.Obligations[i].Checks, "AC-42") {
		t.Errorf("%+v", pr.Obligations)
	}
}

// TestDeclared: what a plan says of the service and of what ends is in the statement.
func TestDeclared(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1", "service: S,", "service: S, service_type: paas,",
		"next_review: 2099-01-01", "next_review: 2099-01-01\nprovider: {sunset: [{object: threads, date: 2026-08-26}]}"))
	if s := out.Predicate.Source.Sunset; out.Predicate.Arrangement.ServiceType != "paas" || len(s) != 1 || s[0] != (evidence.Sunset{Object: "threads", Date: "2026-08-26"}) {
		t.Errorf("%q, %+v", out.Predicate.Arrangement.ServiceType, s)
	}
}
