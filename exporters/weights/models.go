package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A model is files that belong together.
type model struct {
	id, version string // as its provider names it; version empty: not said
	provider    string
	dir         string
	files       []*file // weights and documents, by name
	labels      []*pb.Label
	adapter     *adapter
	params      map[string]any
	key         string // of its record; empty: it was not read yet
	digest      []byte
}

func (m *model) label(name, value string) {
	if value != "" {
		m.labels = append(m.labels, &pb.Label{Name: name, Value: strings.ToValidUTF8(value, "\ufffd")})
	}
}

var shard = lazyre.New(`-(\d{5})-of-(\d{5})$`)

// indexed is the name of a document that says which shard a tensor is in, of a variant too: model.safetensors.index.fp16.json.
var indexed = lazyre.New(`\.(safetensors|bin)\.index(\.[^./]+)?\.json$`)

// models yields the Models that the files make, those without an adapter first: an adapter says the
// digest of its base.
func (r *reading) models() error {
	var ms []*model
	dirs := map[string][]*file{}
	for _, rel := range r.order {
		if x := r.files[rel]; x.key != "" {
			dirs[path.Dir(rel)] = append(dirs[path.Dir(rel)], x)
		}
	}
	inOllama, ollama := r.inOllama()
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if r.files[path.Join(dir, "../../oci-layout")] != nil && path.Base(path.Dir(dir)) == "blobs" {
			continue // their manifests say what they are
		}
		if path.Base(dir) == "blobs" && ollama[path.Dir(dir)] {
			continue
		}
		ms = append(ms, r.inFolder(dir, dirs[dir])...)
	}
	ms = append(ms, r.inLayouts()...)
	ms = append(ms, inOllama...)
	slices.SortStableFunc(ms, func(a, b *model) int {
		if (a.adapter == nil) != (b.adapter == nil) {
			if a.adapter == nil {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id+"\x00"+a.version, b.id+"\x00"+b.version)
	})
	r.shards()
	if err := r.unreadGaps(); err != nil {
		return err
	}
	gone := func(place, detail string, n uint64) bool {
		return r.out.Gap(&pb.Gap{Meta: agentstate.Meta("gap", nil, "artifact", place), Kind: "artifact", Place: place, Reason: pb.Gap_REASON_GONE, Detail: detail, Count: n})
	}
	for _, rel := range slices.Sorted(maps.Keys(r.missing)) {
		if !gone(rel, r.missing[rel], 1) {
			return r.out.Err()
		}
	}
	if r.lacking > 0 && !gone("further parts of models", fmt.Sprintf("beyond %d that are named: they are spoken of, and not here", maxMissing), r.lacking) {
		return r.out.Err()
	}
	adapters := r.adaptersOf(ms)
	seen := map[string]bool{}
	for _, m := range ms {
		rec := r.record(m)
		for i, key := 2, rec.Meta.Key; seen[rec.Meta.Key]; i++ {
			rec.Meta.Key = key + agentstate.Key("", fmt.Sprint(i))
		}
		seen[rec.Meta.Key] = true
		if m.adapter == nil {
			rec.AdapterKeys = adapters[m]
			m.key, m.digest = rec.Meta.Key, slices.Clone(rec.Digest)
		}
		if !r.out.Put(rec) {
			break
		}
	}
	return r.out.Err()
}

// inFolder are the models of one folder: one of its safetensors, one of each GGUF, one of each dumped
// fine-tuning job.
func (r *reading) inFolder(dir string, files []*file) []*model {
	var out []*model
	byGGUF := map[string][]*file{}
	var tensors, docs []*file
	for _, x := range files {
		base := path.Base(x.rel)
		switch {
		case x.hdr != nil && x.hdr.Format == "gguf":
			stem := shard().ReplaceAllString(strings.TrimSuffix(base, path.Ext(base)), "")
			byGGUF[stem] = append(byGGUF[stem], x)
		case x.hdr != nil:
			tensors = append(tensors, x)
		case text(x.rel) != "":
			docs = append(docs, x)
			if m := r.job(x, files); m != nil {
				out = append(out, m)
			}
		}
	}
	var config struct { // of a model; parts of one have a config.json too
		Type          string   `json:"model_type"`
		Architectures []string `json:"architectures"`
	}
	if x := r.files[path.Join(dir, "config.json")]; !x.json(&config) {
		r.document(x, new(any)) // one of another form may be another tool's
	}
	peft := r.files[path.Join(dir, "adapter_config.json")]
	if len(tensors) > 0 || config.Type != "" || len(config.Architectures) > 0 || peft != nil && peft.key != "" {
		m := &model{dir: dir, files: append(tensors, docs...)}
		r.name(m)
		r.describe(m)
		out = append(out, m)
		if m.adapter != nil && (config.Type != "" || len(config.Architectures) > 0) {
			out = append(out, m.apart()...)
		}
	}
	for _, stem := range slices.Sorted(maps.Keys(byGGUF)) {
		m := &model{dir: dir, files: byGGUF[stem]}
		r.splits(m)
		m.adapter = adapterIn(m.files[0].hdr)
		switch r.name(m); {
		case dir == ".":
			m.id = stem
		case m.provider == "local" || len(tensors) > 0 || len(byGGUF) > 1:
			m.id = path.Join(m.id, stem)
		}
		out = append(out, m)
	}
	return out
}

// name finds out what a model is called: by its place in Hugging Face's cache, or by its folder.
func (r *reading) name(m *model) {
	parts := strings.Split(m.dir, "/")
	if at := slices.IndexFunc(parts, func(s string) bool { return strings.HasPrefix(s, "models--") }); at >= 0 && at+2 < len(parts) && parts[at+1] == "snapshots" {
		m.provider = "huggingface"
		m.id = strings.ReplaceAll(strings.TrimPrefix(parts[at], "models--"), "--", "/")
		if part := strings.Join(parts[at+3:], "/"); part != "" { // of a pipeline: its unet, its vae
			m.id += "/" + part
		}
		m.version = parts[at+2]
		refs := path.Join(strings.Join(parts[:at+1], "/"), "refs") + "/"
		first, _ := slices.BinarySearch(r.order, refs) // a cache may have many models
		for _, rel := range r.order[first:] {
			if !strings.HasPrefix(rel, refs) {
				break
			}
			if x, ref := r.files[rel], rel[len(refs):]; x.key != "" && x.size < 200 { // also pr/1
				if b, err := x.head(x.size); err == nil && strings.TrimSpace(string(b)) == m.version {
					m.label("ref", ref)
				}
			}
		}
		return
	}
	m.provider = "local"
	if m.id = path.Base(m.dir); m.id == "." {
		m.id = path.Base(slash(r.f.root))
	}
}

// describe reads the documents of a model: its configuration, its adapter's, and the recipe.
func (r *reading) describe(m *model) {
	m.params = map[string]any{}
	for _, name := range []string{"config.json", "generation_config.json", "adapter_config.json", "training_args.json"} {
		var v map[string]any
		if x := r.files[path.Join(m.dir, name)]; r.document(x, &v) && r.secret(x) == "" {
			m.params[strings.TrimSuffix(name, ".json")] = v
			if seed, ok := v["seed"]; ok && name == "training_args.json" {
				m.label("seed", fmt.Sprint(seed))
			}
		}
	}
	var a adapter
	if r.document(r.files[path.Join(m.dir, "adapter_config.json")], &a) {
		m.adapter = &a
	}
	var st struct {
		Step  any              `json:"global_step"`
		Epoch any              `json:"epoch"`
		Best  any              `json:"best_metric"`
		Log   []map[string]any `json:"log_history"`
	}
	if r.document(r.files[path.Join(m.dir, "trainer_state.json")], &st) {
		last := map[string]any{}
		for _, l := range st.Log {
			maps.Copy(last, l)
		}
		m.params["trainer_state"] = map[string]any{"global_step": st.Step, "epoch": st.Epoch, "best_metric": st.Best, "last_metrics": last}
	}
	for _, x := range m.files {
		var index struct {
			Map map[string]string `json:"weight_map"`
		}
		if indexed().MatchString(x.rel) && r.document(x, &index) {
			for _, name := range slices.Compact(slices.Sorted(maps.Values(index.Map))) {
				if rel := path.Join(m.dir, name); r.files[rel] == nil {
					r.lacks(rel, whyMissing)
				}
			}
			r.agrees(x, m.dir, index.Map)
		}
	}
}

// agrees notes where an index has tensors in files that do not have them.
func (r *reading) agrees(x *file, dir string, in map[string]string) {
	has := map[string]map[string]bool{}
	n, first := 0, ""
	for _, tensor := range slices.Sorted(maps.Keys(in)) {
		rel := path.Join(dir, in[tensor])
		y := r.files[rel]
		if y == nil || y.hdr == nil { // said already
			continue
		}
		if has[rel] == nil {
			has[rel] = map[string]bool{}
			for i := range y.hdr.Tensors {
				has[rel][y.hdr.Tensors[i].Name] = true
			}
		}
		if !has[rel][tensor] {
			if n++; n == 1 {
				first = fmt.Sprintf("%.60q in %.60q", tensor, in[tensor])
			}
		}
	}
	if n > 0 {
		r.unread[x.rel] = unread{pb.Gap_REASON_CORRUPT, fmt.Sprintf("it has %d tensors in files that do not have them, the first %s: the files are of another model or version", n, first)}
	}
}

// record is m as a Model.
func (r *reading) record(m *model) *pb.Model {
	rec := &pb.Model{Meta: agentstate.Meta("model", nil, slices.DeleteFunc([]string{m.id, m.version}, func(s string) bool { return s == "" })...), Provider: m.provider, RequestedId: m.id, Pinned: m.provider == "openai"}
	var lines []string
	var weights []map[string]any
	var numbers, size uint64
	dtypes := map[string]uint64{}
	for _, x := range m.files {
		rec.Meta.ViewOfKeys = append(rec.Meta.ViewOfKeys, x.key)
		if x.hdr == nil {
			continue
		}
		sum := hex.EncodeToString(x.sum[:])
		lines = append(lines, sum+"  "+path.Base(x.rel)+"\n")
		for i := range x.hdr.Tensors {
			n, _ := x.hdr.Tensors[i].numbers()
			numbers += n
			dtypes[x.hdr.Tensors[i].DType] += n
		}
		size += uint64(x.size)
		w := map[string]any{"file": x.rel, "sha256": sum, "bytes": x.size, "format": x.hdr.Format, "metadata": x.hdr.Metadata, "tensors": x.hdr.Tensors}
		if x.hdr.Order != "" {
			w["byte_order"] = x.hdr.Order
		}
		weights = append(weights, w)
	}
	if m.params == nil {
		m.params = map[string]any{}
	}
	if len(weights) > 0 {
		rec.Pinned = true
		m.params["weights"], m.params["numbers"], m.params["numbers_by_dtype"], m.params["bytes"] = weights, numbers, dtypes, size
		slices.Sort(lines)
		if len(lines) == 1 {
			sum, _ := hex.DecodeString(lines[0][:64])
			rec.Digest, rec.DigestAlgorithm = sum, "sha256"
		} else { // as sha256sum prints them, by digest
			sum := sha256.Sum256([]byte(strings.Join(lines, "")))
			rec.Digest, rec.DigestAlgorithm = sum[:], "sha256 of the lines of sha256sum, sorted"
		}
		m.label("weights", map[bool]string{true: "archived", false: "referenced, not archived"}[r.f.all])
	}
	if len(m.params) > 0 {
		rec.Parameters = r.asData("parameters "+rec.Meta.Key, m.params)
	}
	m.label("version", m.version)
	if a := m.adapter; a != nil {
		m.label("adapter", a.Type)
		m.label("base_model", a.Base)
		m.label("base_revision", a.Revision)
		switch bs := r.bases(a); {
		case len(bs) == 1 && len(bs[0].digest) > 0:
			m.label("base_key", bs[0].key)
			m.label("base_digest", hex.EncodeToString(bs[0].digest))
		case len(bs) > 1:
			m.label("base_digest", fmt.Sprintf("not known: %d models of this folder have its name, and the adapter does not say which", len(bs)))
		default:
			m.label("base_digest", "not known: the base is not in this folder")
		}
	}
	rec.Meta.Labels = m.labels
	return rec
}
