package weights

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Names in manifests of OCI image layouts.
const (
	titleAnnotation = "org.opencontainers.image.title"
	refAnnotation   = "org.opencontainers.image.ref.name"
	baseAnnotation  = "org.opencontainers.image.base.name"
	pathAnnotation  = "org.cncf.model.filepath"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Data        []byte            `json:"data"` // the blob itself, where it is short
}

type manifest struct {
	Manifests    []descriptor      `json:"manifests"`
	Config       descriptor        `json:"config"`
	Layers       []descriptor      `json:"layers"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
}

// maxManifests is how many manifests one layout has at most, those in its indexes included. A long one
// counts for each manifestSize of its bytes: an index may name it again and again.
const (
	maxManifests = 10_000
	manifestSize = 4 << 10
)

// inLayouts are the models of OCI image layouts: one a manifest.
func (r *reading) inLayouts() []*model {
	var out []*model
	for _, rel := range r.order {
		if path.Base(rel) != "oci-layout" {
			continue
		}
		dir := path.Dir(rel)
		var index struct {
			Manifests []descriptor `json:"manifests"`
		}
		at := path.Join(dir, "index.json")
		if r.files[at] == nil {
			r.lacks(at, whyMissing)
		}
		if !r.document(r.files[at], &index) {
			continue
		}
		left := maxManifests
		for _, d := range index.Manifests {
			out = append(out, r.manifest(dir, d, 0, &left)...)
		}
	}
	return out
}

// manifest is the model of one manifest, or those of an index.
func (r *reading) manifest(dir string, d descriptor, depth int, left *int) []*model {
	if *left--; *left < 0 || depth > 3 {
		r.unread[dir] = unread{pb.Gap_REASON_LIMIT, fmt.Sprintf("more than %d manifests of usual size, or indexes in indexes in indexes: the models behind them are not described", maxManifests)}
		return nil
	}
	x := r.blob(dir, d)
	if x != nil {
		*left -= int(x.size / manifestSize)
	}
	var m manifest
	if !r.document(x, &m) {
		return nil
	}
	if m.Manifests != nil && m.Config.Digest == "" {
		var out []*model
		for _, sub := range m.Manifests {
			if name := d.Annotations[refAnnotation]; name != "" && sub.Annotations[refAnnotation] == "" { // of the whole index: one model for several machines
				sub.Annotations = maps.Clone(sub.Annotations)
				if sub.Annotations == nil {
					sub.Annotations = map[string]string{}
				}
				sub.Annotations[refAnnotation] = name
			}
			out = append(out, r.manifest(dir, sub, depth+1, left)...)
		}
		return out
	}
	one := &model{provider: "oci", id: d.Annotations[refAnnotation], version: d.Digest, dir: dir, files: []*file{x}, params: map[string]any{}}
	if one.id == "" {
		one.id = d.Digest
	}
	r.parts(one, &m)
	return []*model{one}
}

// parts adds to a model what its manifest names.
func (r *reading) parts(one *model, m *manifest) {
	dir := one.dir
	one.label("artifact_type", m.ArtifactType)
	one.label("base_model", m.Annotations[baseAnnotation])
	if c := r.blob(dir, m.Config); c != nil {
		one.files = append(one.files, c)
		var v map[string]any
		if c.json(&v) && r.secret(c) == "" {
			one.params["config"] = v
		}
	}
	names := map[string]string{}
	for _, l := range m.Layers {
		name := l.Annotations[titleAnnotation]
		if name == "" {
			name = l.Annotations[pathAnnotation]
		}
		if y := r.blob(dir, l); y != nil {
			if _, again := names[y.rel]; !again && !slices.Contains(one.files[:min(2, len(one.files))], y) { // manifest and config
				one.files = append(one.files, y)
			}
			if name == "" { // Ollama says what a layer is by its type alone
				name = l.MediaType
			}
			names[y.rel] = name
		} else {
			one.label("layer", l.Digest+": not in this folder, or a gap of it")
		}
		var a adapter
		if one.adapter == nil && path.Base(name) == "adapter_config.json" && r.blob(dir, l).json(&a) {
			one.adapter = &a
		}
	}
	one.params["layers"] = names
}

// inOllama are the models of a folder of Ollama's: manifests/HOST/NAMESPACE/NAME/TAG names what is in blobs. dirs are
// the folders that have such.
func (r *reading) inOllama() (out []*model, dirs map[string]bool) {
	dirs = map[string]bool{}
	stores := map[string]bool{} // folders with a folder blobs; other programs have manifests, too
	for _, rel := range r.order {
		if dir := path.Dir(rel); path.Base(dir) == "blobs" {
			stores[path.Dir(dir)] = true
		}
	}
	for _, rel := range r.order {
		parts := strings.Split(rel, "/")
		at := len(parts) - 5
		if at < 0 || parts[at] != "manifests" {
			continue
		}
		dir := path.Join(append([]string{"."}, parts[:at]...)...)
		var m manifest
		x := r.files[rel]
		ok := false
		if stores[dir] {
			ok = r.document(x, &m)
		} else {
			ok = x.json(&m)
		}
		if !ok || len(m.Layers) == 0 {
			continue
		}
		dirs[dir] = true
		id := strings.TrimPrefix(strings.TrimPrefix(path.Join(parts[at+1:at+4]...), "registry.ollama.ai/"), "library/")
		one := &model{provider: "ollama", id: id + ":" + parts[at+4], dir: dir, files: []*file{r.files[rel]}, params: map[string]any{}}
		r.parts(one, &m)
		out = append(out, one)
	}
	return out, dirs
}

// blob is the file that d names; nil: it is not there, or is not what d says. That is noted.
func (r *reading) blob(dir string, d descriptor) *file {
	if d.Digest == "" { // it names nothing
		return nil
	}
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	rel := path.Join(dir, "blobs", algorithm, sum)
	if !(algorithm == "sha256" && hexName().MatchString(sum) || algorithm == "sha512" && hexName512().MatchString(sum)) {
		r.lacks(fmt.Sprintf("%s: %.40q", path.Join(dir, "blobs"), d.Digest), whyAlgorithm)
		return nil
	}
	x := r.files[rel]
	if x == nil { // as Ollama has it
		if y := r.files[path.Join(dir, "blobs", algorithm+"-"+sum)]; y != nil {
			x = y
		}
	}
	switch {
	case x == nil && algorithm == "sha256" && fmt.Sprintf("%x", sha256.Sum256(d.Data)) == sum: // a layout may leave it out then
		return nil
	case x == nil || x.key != "" && x.size != d.Size:
		r.lacks(rel, whyMissing)
		return nil
	case x.key == "": // it is a gap already
		return nil
	}
	return x
}
