package weights

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestLeaks(t *testing.T) {
	wide, big, wider, biggest := "", "", "", ""
	for _, c := range utf16.Encode([]rune("\ufeff" + `{"for": "∀", "hub_token": "hf_x"}`)) { // a byte of ∀ is that of a quote
		wide += string([]byte{byte(c), byte(c >> 8)})
		big += string([]byte{byte(c >> 8), byte(c)})
		wider += wide[len(wide)-2:] + "\x00\x00"
		biggest += "\x00\x00" + big[len(big)-2:]
	}
	for text, want := range map[string]string{
		`{"hub_token":"hf_x"}`:                            "hub_token",
		`{"a":[{"Wandb-API-Key" : "x"}]}`:                 "Wandb-API-Key",
		`{"loss":NaN,"openai_api_key":"x"}`:               "openai_api_key",
		strings.Repeat(`[`, 100_000) + `{"password":"x"}`: "password",
		`{"api_key":"x"}`:                                 "api_key",
		`{"api\u005fkey":"x"}`:                            "api_key",
		wide:                                              "hub_token",
		big[2:]:                                           "hub_token",
		wide[2:]:                                          "hub_token",
		wider:                                             "hub_token",
		wider[4:]:                                         "hub_token",
		biggest:                                           "hub_token",
		biggest[4:]:                                       "hub_token",
		`{"x":"a \" b","aws_secret_access_key":"\"q"`:                   "aws_secret_access_key",
		`{"hub_token":"<HUB_TOKEN>","api_key":"","password":null}`:      "",
		`{"vocab":{"password":7,"secret":[1]},"m":["api_key",":","x"]}`: "",
		`{"hub_token":"\u003cHUB_TOKEN\u003e","api_key":"\u003Ckey>"}`:  "",
		`{"hub_token":"\u0068f_x"}`:                                     "hub_token",
		`{"use_auth_token":true,"token":"x","unk_token":"<unk>"}`:       "",
		`{"text":"\"api_key\": \"x\""}`:                                 "",
		`{"` + strings.Repeat("a", 9000) + `api_key":"x"}`:              "",
		"": "", `"`: "", `"\`: "",
	} {
		got, err := leakInJSON(asText(strings.NewReader(text)))
		if got != want || err != nil {
			t.Errorf("%.60q: %q %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"a: 1\nhub_token: hf_x\n":                                       "hub_token",
		"  - wandb_api_key: 'x'":                                        "wandb_api_key",
		"[hub]\napi-key = \"x\"\n":                                      "api-key",
		"hub.password=x":                                                "hub.password",
		"a: {b: 1, hub_token: hf_x}":                                    "hub_token",
		"a: 1\n  # e.g. {api_key: abc}\n# or, password: x\n":            "",
		"#" + strings.Repeat("x", 200_000) + ", secret: abc":            "",
		"# a\nb: {hub_token: hf_x}":                                     "hub_token",
		"hub = { api-key = \"x\" }":                                     "api-key",
		`{"a": 1, "api_key": "x"}`:                                      "api_key",
		"hub_token: |\n  hf_x":                                          "hub_token",
		"password: '#1 {x}'":                                            "password",
		"a: {" + strings.Repeat("b: 1, ", 64<<10/6-1) + "hub_token: x}": "hub_token",
		strings.Repeat("x", 200_000) + "\nsecret: abc\n":                "secret",
		"a:\n  hub_token:\n    hf_x\n":                                  "hub_token",
		"- api_key: # of the hub\n\n    # here\n    'hf x'\r\n":         "api_key",
		"hub_token:\n  - hf_x\nsecret:\n  a: 1\npassword:\nb\napi_key:\n  [x]\nauthorization:\n  null\nhf_token:\n  ${T}\nprivate_key:\n\nname:\n  x":                         "",
		"hub_token: null\npassword: ~\napi_key: ${KEY}\nsecret: <yours>\nauthorization:\n#password: x\nkeys: x\nhub: {api_key: , password: ~}\napi_key: {a: 1}\nsecret: \"\"": "",
	} {
		got, err := leakInLines(asText(strings.NewReader(text)))
		if got != want || err != nil {
			t.Errorf("%.60q: %q %v, want %q", text, got, err, want)
		}
	}
}

// A model card says its settings at its top; what its prose quotes is none.
func TestLeaksOfCards(t *testing.T) {
	for text, want := range map[string]string{
		"---\nlicense: mit\nhub_token: hf_x\n---\n# A model\n":                                  "hub_token",
		"\ufeff---\r\nhub_token: hf_x\r\n---\r\n":                                               "hub_token",
		"\n \r\n ---\nhub_token: hf_x\n---\n":                                                   "hub_token",
		"---\nlicense: mit\n---\napi_key: YOURS\n---\npassword: x\n":                            "",
		"---\na: |\n  ---\nhub_token: hf_x\n---\n":                                              "hub_token",
		"---\na: 1\n--- \nhub_token: hf_x\n---\n":                                               "hub_token",
		"# A model\n---\napi_key: YOURS\n---\n":                                                 "",
		"---\na: " + strings.Repeat("x", 200_000) + "\nhub_token: hf_x\n":                       "hub_token",
		"---\nlicense: mit\nwidget:\n- text: \"Set it: {api_key = 1}\"\n---\nhub_token: hf_x\n": "",
		"---\na: " + strings.Repeat("x", 64<<10-3) + "---\nhub_token: hf_x\n---\n":              "hub_token", // the end of a line is no line
		"---": "", "": "",
	} {
		if got, err := leakInFront(asText(strings.NewReader(text))); got != want || err != nil {
			t.Errorf("%.60q: %q %v, want %q", text, got, err, want)
		}
	}
}

// However long a document is, and whatever it is called: what may be a secret is not archived, nor described.
func TestLeaksStay(t *testing.T) {
	root := t.TempDir()
	const canary = "hf_canary4711"
	blob := func(b string) string {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(b)))
		put(t, filepath.Join(root, "l/blobs/sha256", sum), []byte(b))
		return fmt.Sprintf(`{"digest":"sha256:%s","size":%d}`, sum, len(b))
	}
	one := blob(fmt.Sprintf(`{"config":%s,"layers":[%s]}`, blob(`{"api_key":"`+canary+`"}`), blob(string(st(oneTensor, 1)))))
	put(t, filepath.Join(root, "l/oci-layout"), []byte(`{}`))
	put(t, filepath.Join(root, "l/index.json"), []byte(`{"manifests":[`+one+`]}`))
	put(t, filepath.Join(root, "m/log.json"), []byte(`{"log":[`+strings.Repeat(`{"loss":1},`, maxDocument/11+1)+`{"hub_token":"`+canary+`"}]}`))
	put(t, filepath.Join(root, "m/ARGS.JSON"), []byte(`{"hub_token":"`+canary+`"}`))
	put(t, filepath.Join(root, "m/axolotl.yml"), []byte("base_model: a\nhub_token: "+canary+"\n"))
	put(t, filepath.Join(root, "m/recipe.yaml"), []byte("base_model: a\n"))
	put(t, filepath.Join(root, "m/runs.jsonl"), []byte("{\"loss\":1}\n{\"args\":{\"hub_token\":\""+canary+"\"}}\n"))
	put(t, filepath.Join(root, "m/README.md"), []byte("---\nhub_token: "+canary+"\n---\n"))
	mem, _ := export(t, Open(root, true))
	var kept []string
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if s := r.(interface{ String() string }).String(); strings.Contains(s, canary) {
			t.Errorf("%s has the secret", r.GetMeta().GetKey())
		}
		if a, ok := r.(*pb.Artifact); ok && a.Data == nil {
			kept = append(kept, filepath.Base(a.Name)[:4]+" "+label(a.Meta, "archived"))
		}
	}
	slices.Sort(kept)
	no := " no: its member hub_token may be a secret"
	config := fmt.Sprintf("%x", sha256.Sum256([]byte(`{"api_key":"`+canary+`"}`)))[:4]
	want := []string{config + " no: its member api_key may be a secret", "ARGS" + no, "READ" + no, "axol" + no, "log." + no, "runs" + no}
	slices.Sort(want)
	if d := cmp.Diff(want, kept); d != "" {
		t.Error(d)
	}
}

// A header is held once, however many files have it.
func TestHeaderOnce(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "a.safetensors"), st(oneTensor, 1))
	if err := os.Symlink("a.safetensors", filepath.Join(root, "b.safetensors")); err != nil {
		t.Skip(err)
	}
	f := Open(root, false)
	var one, two *header
	for range f.Records(t.Context(), nil) {
		if r := f.reading; r != nil {
			one, two = r.files["a.safetensors"].hdr, r.files["b.safetensors"].hdr
		}
	}
	if one == nil || one != two {
		t.Errorf("%p %p", one, two)
	}
}

// Adapters are bound to the one base that they mean, also by its folder, and GGUF adapters too; a part of a split file says
// so; a layer that is named twice counts once.
func TestBound(t *testing.T) {
	root := t.TempDir()
	const hub = "hub/models--o--m/"
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	weights := func(n byte) []byte { return append(st(oneTensor, 0), n) }
	text := func(s string) []any { return []any{uint32(8), s} }
	pairs := func(kv ...any) []byte {
		g := begin(1, uint64(len(kv)/2))
		for i := 0; i < len(kv); i += 2 {
			g.n(kv[i])
			g.n(kv[i+1].([]any)...)
		}
		return g.n("w", uint32(1), uint64(8), uint32(0), uint64(0)).data(32)
	}
	for name, body := range map[string][]byte{
		hub + "snapshots/" + a + "/model.safetensors": weights(1), hub + "snapshots/" + b + "/model.safetensors": weights(2), hub + "refs/main": []byte(a),
		"x/base/m.safetensors": weights(4), "by-path/adapter_model.safetensors": weights(5), "by-path/adapter_config.json": []byte(`{"base_model_name_or_path":"./base"}`),
		"main/adapter_model.safetensors": weights(6), "main/adapter_config.json": []byte(`{"base_model_name_or_path":"o/m","revision":"main"}`),
		"any/adapter_model.safetensors": weights(7), "any/adapter_config.json": []byte(`{"base_model_name_or_path":"o/m"}`),
		"g/lora.gguf": pairs("general.type", text("adapter"), "adapter.type", text("lora"), "general.base_model.0.name", text("Base"), "general.base_model.0.repo_url", text("https://hub.example/o/solo")),
		"hub/models--o--solo/snapshots/" + a + "/model.safetensors": weights(8),
		"s/part.gguf": pairs("split.count", []any{uint32(2), uint16(3)}),
	} {
		put(t, filepath.Join(root, name), body)
	}
	mem, rep := export(t, Open(root, false))
	if len(rep.Gaps) != 1 || rep.Gaps[0].Place != "s/part.gguf: the other parts" || !strings.Contains(rep.Gaps[0].Detail, "one of 3 parts") {
		t.Errorf("%v", rep.Gaps)
	}
	got := map[string][]string{}
	var lora *pb.Model
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		m, ok := r.(*pb.Model)
		if !ok {
			continue
		}
		if len(m.AdapterKeys) > 0 {
			got[m.RequestedId+" "+label(m.Meta, "ref")] = m.AdapterKeys
		}
		if strings.HasSuffix(m.RequestedId, "lora") {
			lora = m
		}
	}
	key := func(name string) []string { return []string{agentstate.Key("artifact", name)} }
	want := map[string][]string{"base ": key("by-path/adapter_model.safetensors"), "o/m main": key("main/adapter_model.safetensors"), "o/solo ": key("g/lora.gguf")}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if lora == nil || label(lora.Meta, "adapter") != "LORA" || label(lora.Meta, "base_model") != "o/solo" || label(lora.Meta, "base_digest") != fmt.Sprintf("%x", sha256.Sum256(weights(8))) {
		t.Errorf("%v", lora)
	}
}

func TestLayerTwice(t *testing.T) {
	root := t.TempDir()
	blob := func(b string) string {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(b)))
		put(t, filepath.Join(root, "blobs/sha256", sum), []byte(b))
		return fmt.Sprintf(`{"digest":"sha256:%s","size":%d}`, sum, len(b))
	}
	w := string(st(oneTensor, 1))
	put(t, filepath.Join(root, "oci-layout"), []byte(`{}`))
	put(t, filepath.Join(root, "index.json"), []byte(`{"manifests":[`+blob(fmt.Sprintf(`{"config":%s,"layers":[%s,%s]}`, blob("{}"), blob(w), blob(w)))+`]}`))
	mem, _ := export(t, Open(root, false))
	for _, m := range models(t, mem) {
		if p := string(m.Parameters.GetInline()); !strings.Contains(p, `"numbers":1,`) || m.DigestAlgorithm != "sha256" || len(m.Meta.ViewOfKeys) != 3 {
			t.Errorf("%s %s %v", p, m.DigestAlgorithm, m.Meta.ViewOfKeys)
		}
	}
}

// Names that are no text are two names all the same.
func TestNamesThatAreNoText(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"a\xfe.json", "a\xff.json"} {
		if err := os.WriteFile(filepath.Join(root, name), fmt.Appendf(nil, `{"n":%d}`, i), 0o600); err != nil {
			t.Skip(err)
		}
	}
	mem, rep := export(t, Open(root, false))
	held := map[string]bool{}
	for r, err := range mem.Records(t.Context(), nil) {
		if a, ok := r.(*pb.Artifact); ok && err == nil {
			held[string(a.Data.GetInline())] = true
		}
	}
	if len(held) != 2 || rep.Records["artifact"] != 2 {
		t.Errorf("%v %v %v", held, rep.Records, rep.Verdict)
	}
}

// Many jobs in one folder: each list beside them is read once, and not once for each job.
func TestManyJobs(t *testing.T) {
	root := t.TempDir()
	const jobs = 150
	events := strings.Repeat(`{"object":"fine_tuning.job.event","message":"`+strings.Repeat("x", 80)+`"},`, 100)
	for i := range jobs {
		put(t, filepath.Join(root, fmt.Sprintf("ftjob-%d.json", i)), fmt.Appendf(nil, `{"object":"fine_tuning.job","id":"ftjob-%d","model":"m"}`, i))
		put(t, filepath.Join(root, fmt.Sprintf("ftjob-%d-events.json", i)), []byte(`{"object":"list","data":[`+strings.TrimSuffix(events, ",")+`]}`))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	mem, _ := export(t, Open(root, false))
	runtime.ReadMemStats(&after)
	if n := len(models(t, mem)); n != jobs {
		t.Errorf("%d models", n)
	}
	if read := after.TotalAlloc - before.TotalAlloc; read > 40*jobs*uint64(len(events)) {
		t.Errorf("%d MiB were read and made of %d MiB", read>>20, jobs*len(events)>>20)
	}
}
