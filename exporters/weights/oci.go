package weights

import (
	"fmt"
	"path"
	"strings"
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
}

// maxManifests is how many manifests one layout has at most, those in its indexes included.
const maxManifests = 10_000

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
		if !r.files[path.Join(dir, "index.json")].json(&index) {
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
		return nil
	}
	x := r.blob(dir, d)
	var m struct {
		Manifests    []descriptor      `json:"manifests"`
		Config       descriptor        `json:"config"`
		Layers       []descriptor      `json:"layers"`
		ArtifactType string            `json:"artifactType"`
		Annotations  map[string]string `json:"annotations"`
	}
	if x == nil || !x.json(&m) {
		return nil
	}
	if len(m.Manifests) > 0 {
		var out []*model
		for _, sub := range m.Manifests {
			out = append(out, r.manifest(dir, sub, depth+1, left)...)
		}
		return out
	}
	one := &model{provider: "oci", id: d.Annotations[refAnnotation], version: d.Digest, dir: dir, files: []*file{x}, params: map[string]any{}}
	if one.id == "" {
		one.id = d.Digest
	}
	one.label("artifact_type", m.ArtifactType)
	one.label("base_model", m.Annotations[baseAnnotation])
	if c := r.blob(dir, m.Config); c != nil {
		one.files = append(one.files, c)
		var v map[string]any
		if c.json(&v) {
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
			one.files = append(one.files, y)
			names[y.rel] = name
		} else {
			one.label("layer", l.Digest+": not in this folder")
		}
		var a adapter
		if path.Base(name) == "adapter_config.json" && r.blob(dir, l).json(&a) {
			one.adapter = &a
		}
	}
	one.params["layers"] = names
	return []*model{one}
}

// blob is the file that d names; nil: it is not there, or is not what d says. That is noted.
func (r *reading) blob(dir string, d descriptor) *file {
	if d.Digest == "" { // it names nothing
		return nil
	}
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	rel := path.Join(dir, "blobs", algorithm, sum)
	if algorithm != "sha256" || !hexName().MatchString(sum) {
		r.lacks(fmt.Sprintf("%s: %.40q", path.Join(dir, "blobs"), d.Digest))
		return nil
	}
	x := r.files[rel]
	switch {
	case x == nil || x.key != "" && x.size != d.Size:
		r.lacks(rel)
		return nil
	case x.key == "": // it is a gap already
		return nil
	}
	return x
}
