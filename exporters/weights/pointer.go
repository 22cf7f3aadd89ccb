package weights

import (
	"fmt"
	"path"
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

// maxShards is how many parts one model is in at most.
const maxShards = 10_000

// shards notes the parts of a model that its other parts speak of by their names, and that are not here.
func (r *reading) shards(x *file) {
	ext := path.Ext(x.rel)
	m := shard().FindStringSubmatch(strings.TrimSuffix(x.rel, ext))
	if m == nil {
		return
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n > maxShards {
		return
	}
	stem := strings.TrimSuffix(x.rel, m[0]+ext)
	for i := range n {
		if rel := fmt.Sprintf("%s-%05d-of-%s%s", stem, i+1, m[2], ext); r.files[rel] == nil {
			r.missing[rel] = true
		}
	}
}
