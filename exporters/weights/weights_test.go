package weights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestConformance(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return Open("testdata/models", false), nil },
	})
}

func TestConformanceWhole(t *testing.T) {
	root := cache(t)
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return Open(root, true), nil },
	})
}

// cache is Hugging Face's cache with one model: snapshots of links, blobs, a ref.
func cache(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	hub := filepath.Join(root, "models--acme--tiny")
	const commit = "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a"
	snap := filepath.Join(hub, "snapshots", commit)
	for _, d := range []string{snap, filepath.Join(hub, "blobs"), filepath.Join(hub, "refs"), filepath.Join(root, ".locks")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "config.json"} {
		b := fixture(t, "tiny-base/"+name)
		sum := sha256.Sum256(b)
		blob := hex.EncodeToString(sum[:])
		put(t, filepath.Join(hub, "blobs", blob), b)
		if err := os.Symlink("../../blobs/"+blob, filepath.Join(snap, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(hub, "refs", "main"), []byte(commit))
	return root
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/models", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, f *Folder) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

func models(t *testing.T, mem *memstate.State) map[string]*pb.Model {
	t.Helper()
	out := map[string]*pb.Model{}
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(*pb.Model); ok {
			out[m.RequestedId] = m
		}
	}
	return out
}

func label(m *pb.Meta, name string) string {
	for _, l := range m.GetLabels() {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// TestOfficial compares names, shapes and dtypes with what the official packages read in the same files.
func TestOfficial(t *testing.T) {
	b, err := os.ReadFile("testdata/official.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string][]any
	if err := json.Unmarshal(b, &want); err != nil || len(want) < 4 {
		t.Fatal(len(want), err)
	}
	for name, tensors := range want {
		x := &file{rel: name, path: filepath.Join("testdata/models", name)}
		st, err := os.Stat(x.path)
		if err != nil {
			t.Fatal(err)
		}
		if x.size = st.Size(); x.header() != nil || x.hdr == nil {
			t.Fatalf("%s: %v", name, x.header())
		}
		got := map[string][]any{}
		for _, ts := range x.hdr.Tensors {
			shape := []any{}
			for _, d := range ts.Shape {
				shape = append(shape, float64(d))
			}
			got[ts.Name] = []any{ts.DType, shape}
		}
		if d := cmp.Diff(tensors, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestModels(t *testing.T) {
	mem, rep := export(t, Open("testdata/models", false))
	if rep.Verdict.Coverage != agentstate.Gaps || len(rep.Gaps) != 1 || rep.Gaps[0].Place != "support-lora/training_args.bin" || rep.Gaps[0].Reason != pb.Gap_REASON_REFUSED {
		t.Errorf("%v %v", rep.Verdict, rep.Gaps)
	}
	ms := models(t, mem)
	base, lora, g, oci, job := ms["tiny-base"], ms["support-lora"], ms["tiny.Q8_0"], ms["acme/tiny:1"], ms["ft:gpt-4o-mini-2024-07-18:acme::9x"]
	if len(ms) != 5 || base == nil || lora == nil || g == nil || oci == nil || job == nil {
		t.Fatalf("models %v", ms)
	}
	// An adapter is bound to its base by name and by digest, and the base to it.
	if got := label(lora.Meta, "base_digest"); got != hex.EncodeToString(base.Digest) || len(base.Digest) != 32 || label(lora.Meta, "base_model") != "tiny-base" || label(lora.Meta, "base_key") != base.Meta.Key {
		t.Errorf("base_digest %q of %v", got, lora.Meta.Labels)
	}
	if d := cmp.Diff([]string{agentstate.Key("artifact", "support-lora/adapter_model.safetensors")}, base.AdapterKeys); d != "" {
		t.Error(d)
	}
	// The digest of one file is its SHA-256; the layout holds the same bytes.
	sum := sha256.Sum256(fixture(t, "tiny.Q8_0.gguf"))
	if !bytes.Equal(g.Digest, sum[:]) || !bytes.Equal(oci.Digest, sum[:]) || g.DigestAlgorithm != "sha256" {
		t.Errorf("digests %x %x, want %x", g.Digest, oci.Digest, sum)
	}
	if label(base.Meta, "weights") != "referenced, not archived" || label(job.Meta, "weights") != "kept by the provider" {
		t.Errorf("weights %q and %q", label(base.Meta, "weights"), label(job.Meta, "weights"))
	}
	if label(lora.Meta, "seed") != "42" || label(job.Meta, "seed") != "683058546" || label(job.Meta, "training_file") != agentstate.Key("artifact", "openai/file-tra1.jsonl") || !strings.Contains(label(job.Meta, "validation_file"), "not in this folder") || label(job.Meta, "events") == "" {
		t.Errorf("recipe %v %v", lora.Meta.Labels, job.Meta.Labels)
	}
	var p struct {
		Args    map[string]any `json:"training_args"`
		State   map[string]any `json:"trainer_state"`
		Numbers uint64         `json:"numbers"`
	}
	if err := json.Unmarshal(lora.Parameters.GetInline(), &p); err != nil || p.Args["learning_rate"] != 2e-4 || p.State["best_metric"] != 0.41 || p.Numbers != 16 {
		t.Errorf("%+v %v", p, err)
	}
	// The recipe is archived to the byte, the weights are not, and their headers are.
	r, err := mem.Get(t.Context(), agentstate.Key("artifact", "openai/ftjob-abc123.json"))
	if err != nil || !bytes.Equal(r.(*pb.Artifact).Data.GetInline(), fixture(t, "openai/ftjob-abc123.json")) {
		t.Errorf("the job: %v", err)
	}
	r, err = mem.Get(t.Context(), agentstate.Key("artifact", "tiny.Q8_0.gguf"))
	if err != nil || r.(*pb.Artifact).Data != nil || len(r.GetMeta().Native) != 0 { // the layout has the same file, and its header
		t.Errorf("the weights: %v %v", r, err)
	}
	r, err = mem.Get(t.Context(), strings.TrimPrefix(label(r.GetMeta(), "header"), "as in "))
	if err != nil || r.(*pb.Artifact).Data != nil || len(r.GetMeta().Native) != 1 || !bytes.HasPrefix(fixture(t, "tiny.Q8_0.gguf"), r.GetMeta().Native[0].GetData().GetInline()) {
		t.Errorf("the weights: %v %v", r, err)
	}
}

func TestCache(t *testing.T) {
	root := cache(t)
	mem, rep := export(t, Open(root, false))
	m := models(t, mem)["acme/tiny"]
	if rep.Verdict.Coverage != agentstate.Reconciled || m == nil || m.Provider != "huggingface" || label(m.Meta, "ref") != "main" || !m.Pinned {
		t.Fatalf("%v %v", rep.Verdict, m)
	}
	if rep.Records["artifact"] != 4 {
		t.Errorf("%d files, want 3 of the snapshot and a ref", rep.Records["artifact"])
	}
	// A blob that is not what its name says is found.
	blobs, _ := filepath.Glob(filepath.Join(root, "models--acme--tiny/blobs/*"))
	b, err := os.ReadFile(blobs[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	put(t, blobs[0], b)
	if _, rep = export(t, Open(root, false)); len(rep.Gaps) != 1 || rep.Gaps[0].Reason != pb.Gap_REASON_CORRUPT || !strings.Contains(rep.Gaps[0].Detail, "promises") {
		t.Errorf("gaps %v", rep.Gaps)
	}
}

// TestArchived: with ?files=all the bytes of the weights come out as they are.
func TestArchived(t *testing.T) {
	f := Open("testdata/models", true)
	n := 0
	for r, err := range f.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		a, ok := r.(*pb.Artifact)
		if !ok || a.Data == nil {
			continue
		}
		b := a.Data.GetInline()
		if blob := a.Data.GetBlob(); blob != nil {
			rc, err := f.OpenBlob(t.Context(), blob)
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(rc); err != nil {
				t.Fatal(err)
			}
			rc.Close()
		}
		if n++; sha256.Sum256(b) != [32]byte(a.Sha256) {
			t.Errorf("%s is not what its digest says", a.Name)
		}
	}
	if n < 15 {
		t.Errorf("%d files", n)
	}
}

// TestHostile: links that lead out, secrets, shards that are not there, pickles under other names.
func TestHostile(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "m/config.json"), []byte(`{"model_type":"x"}`))
	put(t, filepath.Join(root, "m/training_args.json"), []byte(`{"seed":1,"hub_token":"hf_canary"}`))
	put(t, filepath.Join(root, "m/model.safetensors.index.json"), []byte(`{"weight_map":{"a":"gone.safetensors","b":"../../../etc/passwd"}}`))
	put(t, filepath.Join(root, "m/weights"), []byte("\x80\x04\x95\x01\x02\x03\x04\x05\x06."))
	put(t, filepath.Join(root, "m/old.ckpt"), []byte("PK\x03\x04"))
	put(t, filepath.Join(root, ".git/config"), []byte("token"))
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "m/link.json")); err != nil {
		t.Fatal(err)
	}
	mem, rep := export(t, Open(root, false))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place+" "+g.Reason.String())
	}
	slices.Sort(got)
	want := []string{"../../etc/passwd REASON_GONE", "m/gone.safetensors REASON_GONE", "m/link.json REASON_GONE", "m/old.ckpt REASON_REFUSED", "m/weights REASON_REFUSED"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if s := r.(interface{ String() string }).String(); strings.Contains(s, "canary") || strings.Contains(s, "root:") {
			t.Errorf("%s holds what must not travel", r.GetMeta().GetKey())
		}
	}
	for _, bad := range []string{t.TempDir(), filepath.Join(root, "m/config.json")} {
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(bad, false), nil); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
