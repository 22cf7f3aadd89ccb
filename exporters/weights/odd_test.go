package weights

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const oneTensor = `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`

// GGUF version 3 may count from the other end.
func TestBigEndian(t *testing.T) {
	g := &gg{big: true}
	g.WriteString("GGUF")
	b := g.n(uint32(3), uint64(1), uint64(3), "general.name", uint32(8), "s390x", "n", uint32(2), uint16(258), "scale", uint32(6), float32(math.Inf(-1)), "w", uint32(1), uint64(8), uint32(0), uint64(0)).data(32)
	h, err := readGGUF(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"general.name": "s390x", "n": uint32(258), "scale": "-Infinity"}, h.Metadata); d != "" || h.Order != "big-endian" || h.Tensors[0].Shape[0] != 8 {
		t.Error(d, h)
	}
}

// A folder as it is: Python writes NaN and Infinity where JSON has no such numbers: in the configuration of Mamba 2, and in the log of a
// training that diverged.
func TestOddFolder(t *testing.T) {
	root := t.TempDir()
	for name, b := range map[string]string{
		"m/model.safetensors":                string(st(oneTensor, 1)),
		"m/config.json":                      `{"model_type":"mamba2","time_step_limit":[0.0,Infinity],"of":"a \"NaN\" b"}`,
		"m/training_args.json":               "\ufeff" + `{"seed":9007199254740993,"x":-Infinity}`,
		"m/trainer_state.json":               `{"best_metric":NaN,"global_step":5,"log_history":[{"loss":NaN}]}`,
		"m/pytorch_model.bin.index.json":     `{"weight_map":{"a":"pytorch_model-00001-of-00002.bin"}}`,
		"m/model.safetensors.index.json":     `{"weight_map":{"w":"model.safetensors","v":"model.safetensors"}}`,
		"m/model.safetensors.index.x-y.json": `{"weight_map":{"a":"model.x-y.safetensors"}}`,
		"m/adapter_config.json":              `{"base_model_name_or_path":`,
		"z/config.json":                      "",
		"s/modeling_s.py":                    "import torch\n",
		"s/tokenizer.model":                  "\x0a\x00",
		"s/config.json":                      `{"model_type":"a","x":NaN,"hub_token":"not-shown"}`,
	} {
		put(t, filepath.Join(root, name), []byte(b))
	}
	if err := os.Symlink("../m", filepath.Join(root, "s/link")); err != nil {
		t.Skip(err)
	}
	mem, rep := export(t, Open(root, false))
	archived := map[string]string{}
	for r, err := range mem.Records(t.Context(), nil) {
		if a, ok := r.(*pb.Artifact); ok && err == nil && strings.HasPrefix(a.Name, "s/") {
			archived[a.Name] = a.Data.GetMediaType() + label(a.Meta, "archived")
		}
	}
	texts := map[string]string{"s/config.json": "no: its member hub_token may be a secret", "s/modeling_s.py": "text/x-python", "s/tokenizer.model": "no: referenced, not archived"}
	if d := cmp.Diff(texts, archived); d != "" {
		t.Error(d)
	}
	ms := models(t, mem)
	if got := label(ms["m"].GetMeta(), "seed"); got != "9007199254740993" {
		t.Errorf("seed %s", got)
	}
	for _, want := range []string{`"time_step_limit":[0.0,"Infinity"]`, `"best_metric":"NaN"`, `a \"NaN\" b`, `"loss":"NaN"`} {
		if p := string(ms["m"].Parameters.GetInline()); !strings.Contains(p, want) {
			t.Errorf("%s not in %s", want, p)
		}
	}
	if ms["s"] == nil || strings.Contains(string(ms["s"].Parameters.GetInline()), "not-shown") {
		t.Errorf("%v", ms["s"])
	}
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Kind+" "+g.Place)
	}
	slices.Sort(got)
	want := []string{"artifact m/model.x-y.safetensors", "artifact m/pytorch_model-00001-of-00002.bin", "artifact s/link", "model m/adapter_config.json", "model m/model.safetensors.index.json", "model z/config.json"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A document that is too long to be looked at is not called damaged, and manifests of other programs are none of Ollama's.
func TestNotDamaged(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "m/model.safetensors"), st(oneTensor, 1))
	put(t, filepath.Join(root, "m/trainer_state.json"), []byte(`{"global_step":5,"log_history":[`+strings.Repeat(`{"loss":1},`, maxDocument/11)+`{}]}`))
	put(t, filepath.Join(root, "manifests/base/apps/m/deploy.yaml"), []byte("kind: Deployment\n"))
	_, rep := export(t, Open(root, false))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Place != "m/trainer_state.json" || rep.Gaps[0].Reason != pb.Gap_REASON_LIMIT {
		t.Error(rep.Gaps)
	}
}

// An adapter says the digest of its base where the folder has one that it can mean, and not of any other.
func TestWhichBase(t *testing.T) {
	root := t.TempDir()
	const hub = "hub/models--o--m/"
	a, b, c := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	weights := func(n byte) []byte { return append(st(oneTensor, 0), n) }
	for name, body := range map[string][]byte{
		hub + "snapshots/" + a + "/model.safetensors":      weights(1),
		hub + "snapshots/" + b + "/model.safetensors":      weights(2),
		hub + "snapshots/" + c + "/unet/model.safetensors": weights(3),
		hub + "refs/main":      []byte(a),
		hub + "refs/pr/7":      []byte(b),
		"x/base/m.safetensors": weights(4), "y/base/m.safetensors": weights(5),
	} {
		put(t, filepath.Join(root, name), body)
	}
	for name, config := range map[string]string{
		"any": `{"base_model_name_or_path":"o/m"}`, "main": `{"base_model_name_or_path":"o/m","revision":"main"}`,
		"pr": `{"base_model_name_or_path":"o/m","revision":"pr/7"}`, "b": `{"base_model_name_or_path":"o/m","revision":"` + b + `"}`,
		"none": `{"base_model_name_or_path":"o/m","revision":"v9"}`, "path": `{"base_model_name_or_path":"./base"}`,
	} {
		put(t, filepath.Join(root, "adapters", name, "adapter_config.json"), []byte(config))
	}
	mem, _ := export(t, Open(root, false))
	ms := models(t, mem)
	sum := func(n byte) string { return fmt.Sprintf("%x", sha256.Sum256(weights(n))) }
	const two, none = "not known: 2 models", "not known: the base is not"
	for name, want := range map[string]string{"any": two, "main": sum(1), "pr": sum(2), "b": sum(2), "none": none, "path": two} {
		if got := label(ms[name].GetMeta(), "base_digest"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if ms["o/m/unet"] == nil {
		t.Error("the unet of a pipeline is taken for the whole of it")
	}
}

// A pickle without a name that says so: a short one, whose length of a frame looks like that of a header, and a ZIP
// file as PyTorch writes it.
func TestPicklesWithoutAName(t *testing.T) {
	root := t.TempDir()
	zip := append([]byte("PK\x03\x04"), make([]byte, 22)...)
	zip = append(append(zip, byte(len("archive/data.pkl")), 0, 0, 0), "archive/data.pkl"...)
	put(t, filepath.Join(root, "short"), []byte("\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."))
	put(t, filepath.Join(root, "zipped"), zip)
	put(t, filepath.Join(root, "corpus.zip"), bytes.ReplaceAll(zip, []byte("data.pkl"), []byte("data.txt")))
	put(t, filepath.Join(root, "weights"), st(oneTensor+strings.Repeat(" ", 0x280-len(oneTensor)), 1)) // 80 02 00 …
	mem, rep := export(t, Open(root, false))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place+" "+g.Reason.String())
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"short REASON_REFUSED", "zipped REASON_REFUSED"}, got); d != "" {
		t.Error(d)
	}
	if len(models(t, mem)) != 1 {
		t.Error("safetensors that begin like a pickle are not a model")
	}
}

// Blobs under SHA-512 are checked as those under SHA-256 are; a manifest or an index that cannot be read is said.
func TestLayoutOdd(t *testing.T) {
	root := t.TempDir()
	blob := func(b string, wrong bool) string {
		sum := fmt.Sprintf("%x", sha512.Sum512([]byte(b)))
		if wrong {
			sum = "0" + sum[1:]
		}
		put(t, filepath.Join(root, "l/blobs/sha512", sum), []byte(b))
		return fmt.Sprintf(`{"digest":"sha512:%s","size":%d}`, sum, len(b))
	}
	w := string(st(oneTensor, 1))
	good := blob(fmt.Sprintf(`{"config":%s,"layers":[%s,%s]}`, blob("{}", false), blob(w, false), blob("changed", true)), false)
	put(t, filepath.Join(root, "l/oci-layout"), []byte(`{}`))
	put(t, filepath.Join(root, "bare/oci-layout"), []byte(`{}`))
	empty := fmt.Sprintf(`{"digest":"sha256:%x","size":2,"data":"e30="}`, sha256.Sum256([]byte("{}")))
	named := blob(fmt.Sprintf(`{"manifests":[%s]}`, blob(fmt.Sprintf(`{"config":%s,"layers":[%s]}`, empty, blob(w, false)), false)), false)
	named = strings.Replace(named, "{", `{"annotations":{"org.opencontainers.image.ref.name":"v1"},`, 1)
	put(t, filepath.Join(root, "l/index.json"), fmt.Appendf(nil, `{"manifests":[%s,%s,%s,%s]}`, named, good, blob("no JSON {", false), blob(`{"manifests":[]}`, false)))
	put(t, filepath.Join(root, "broken/oci-layout"), []byte(`{}`))
	put(t, filepath.Join(root, "broken/index.json"), []byte(`{"manifests":7}`))
	mem, rep := export(t, Open(root, false))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Kind+" "+filepath.Dir(g.Place)+" "+g.Reason.String())
	}
	slices.Sort(got)
	want := []string{"artifact bare REASON_GONE", "artifact l/blobs/sha512 REASON_CORRUPT", "model broken REASON_CORRUPT", "model l/blobs/sha512 REASON_CORRUPT"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	ms := models(t, mem)
	if len(ms) != 2 || ms["v1"] == nil {
		t.Errorf("%d models, want 2, and one called v1", len(ms))
	}
	for _, m := range ms {
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(w))); fmt.Sprintf("%x", m.Digest) != want {
			t.Errorf("digest %x, want %s", m.Digest, want)
		}
	}
}

// Ollama's folder: manifests by name, blobs as sha256-HEX.
func TestOllama(t *testing.T) {
	root := t.TempDir()
	blob := func(typ, b string, wrong bool) string {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(b)))
		if wrong {
			sum = "0" + sum[1:]
		}
		put(t, filepath.Join(root, "models/blobs/sha256-"+sum), []byte(b))
		return fmt.Sprintf(`{"mediaType":"application/vnd.ollama.image.%s","digest":"sha256:%s","size":%d}`, typ, sum, len(b))
	}
	g := string(begin(1, 0).n("w", uint32(1), uint64(8), uint32(0), uint64(0)).data(32))
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s,%s,{"digest":"sha256:%s","size":1}]}`,
		blob("config", `{"model_family":"llama"}`, false), blob("model", g, false), blob("params", `{"stop":"changed"}`, true), strings.Repeat("f", 64))
	put(t, filepath.Join(root, "models/manifests/registry.ollama.ai/library/llama3.2/1.5b"), []byte(manifest))
	mem, rep := export(t, Open(root, false))
	ms := models(t, mem)
	m := ms["llama3.2:1.5b"]
	if len(ms) != 1 || m == nil || m.Provider != "ollama" || fmt.Sprintf("%x", m.Digest) != fmt.Sprintf("%x", sha256.Sum256([]byte(g))) {
		t.Fatalf("%v", ms)
	}
	if p := string(m.Parameters.GetInline()); !strings.Contains(p, "vnd.ollama.image.model") || !strings.Contains(p, "model_family") {
		t.Error(p)
	}
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Reason.String())
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"REASON_CORRUPT", "REASON_GONE"}, got); d != "" {
		t.Error(d)
	}
}

// Indexes in indexes in indexes end in a limit that is said.
func TestDeepIndex(t *testing.T) {
	root := t.TempDir()
	d := ""
	for range 7 {
		b := `{"manifests":[` + d + `]}`
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(b)))
		put(t, filepath.Join(root, "blobs/sha256", sum), []byte(b))
		d = fmt.Sprintf(`{"digest":"sha256:%s","size":%d}`, sum, len(b))
	}
	put(t, filepath.Join(root, "oci-layout"), []byte(`{}`))
	put(t, filepath.Join(root, "index.json"), []byte(`{"manifests":[`+d+`]}`))
	_, rep := export(t, Open(root, false))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Kind != "model" || rep.Gaps[0].Reason != pb.Gap_REASON_LIMIT {
		t.Error(rep.Gaps)
	}
}

// A long manifest that an index names again and again is not read for ever.
func TestManifestAgain(t *testing.T) {
	root := t.TempDir()
	b := append([]byte(`{"config":{},"layers":[],"annotations":{"a":"`), bytes.Repeat([]byte("x"), 1<<20)...)
	b = append(b, `"}}`...)
	sum := fmt.Sprintf("%x", sha256.Sum256(b))
	put(t, filepath.Join(root, "blobs/sha256", sum), b)
	put(t, filepath.Join(root, "oci-layout"), []byte(`{}`))
	d := fmt.Sprintf(`{"digest":"sha256:%s","size":%d}`, sum, len(b))
	put(t, filepath.Join(root, "index.json"), []byte(`{"manifests":[`+d+strings.Repeat(","+d, 99)+`]}`))
	mem, rep := export(t, Open(root, false))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Reason != pb.Gap_REASON_LIMIT {
		t.Error(rep.Gaps)
	}
	if n := len(models(t, mem)); n == 0 || n > 40 {
		t.Errorf("%d models of one manifest of 1 MiB", n)
	}
}
