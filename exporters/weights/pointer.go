package weights

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxPointer is the size of a Git LFS pointer at most.
const maxPointer = 1024

// pointer says what a Git LFS pointer stands for; empty: x is none. A clone without git-lfs has pointers where
// the weights should be.
func (x *file) pointer() string {
	if x.size > maxPointer || string(x.head8) != "version " {
		return ""
	}
	b, err := x.head(x.size)
	if err != nil || !strings.HasPrefix(string(b), "version https://git-lfs.github.com/spec/v1") {
		return ""
	}
	var sum, size string
	for line := range strings.Lines(string(b)) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "oid sha256:"); ok && hexName().MatchString(s) {
			sum = s
		}
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "size "); ok {
			if n, err := strconv.ParseUint(s, 10, 63); err == nil {
				size = fmt.Sprint(n)
			}
		}
	}
	if sum == "" || size == "" {
		return ""
	}
	return "a Git LFS pointer to " + size + " bytes with sha256 " + sum + ", which are not here: git lfs pull"
}

// Bounds: a name can speak of any number of parts.
const (
	maxShards  = 10_000 // that one model is in
	maxMissing = 1000   // that are named; the others are counted
)

const (
	whyMissing   = "a part of a model that its index, its manifest or the name of another part speaks of: it is not here, or of another size"
	whyAlgorithm = "a part of a model that its manifest names by a digest that is not checked here: want sha256 or sha512"
)

// lacks notes a file that something speaks of and that is not here.
func (r *reading) lacks(rel, why string) {
	switch {
	case r.missing[rel] != "":
	case len(r.missing) < maxMissing:
		r.missing[rel] = why
	default:
		r.lacking++
	}
}

// shards notes the parts of models that their other parts speak of by their names, and that are not here.
func (r *reading) shards() {
	type set struct {
		name  string // of a part, for its number
		n     int
		here  map[int]bool
		opens bool // a part of it is one
	}
	sets := map[string]*set{}
	for _, rel := range r.order {
		ext := path.Ext(rel)
		m := shard().FindStringSubmatch(strings.TrimSuffix(rel, ext))
		if m == nil {
			continue
		}
		i, err := strconv.Atoi(m[1])
		n, err2 := strconv.Atoi(m[2])
		if err != nil || err2 != nil || n > maxShards {
			continue
		}
		stem, end := strings.TrimSuffix(rel, m[0]+ext), "-of-"+m[2]+ext
		s := sets[stem+end]
		if s == nil {
			s = &set{strings.ReplaceAll(stem, "%", "%%") + "-%05d" + strings.ReplaceAll(end, "%", "%%"), n, map[int]bool{}, false}
			sets[stem+end] = s
		}
		s.here[i], s.opens = true, s.opens || r.files[rel].hdr != nil
	}
	for _, k := range slices.Sorted(maps.Keys(sets)) {
		s := sets[k]
		if !s.opens {
			continue
		}
		first := 1
		if s.here[0] && !s.here[s.n] { // some count from zero
			first = 0
		}
		left := s.n
		for i := range s.here {
			if i >= first && i < first+s.n {
				left--
			}
		}
		for i := first; left > 0 && len(r.missing) < maxMissing; i++ {
			if !s.here[i] {
				r.lacks(fmt.Sprintf(s.name, i), whyMissing)
				left--
			}
		}
		r.lacking += uint64(left)
	}
}
