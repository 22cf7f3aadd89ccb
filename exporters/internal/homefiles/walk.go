package homefiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Rules say what the files of a runtime's home are.
type Rules struct {
	// Kind is the kind of record that a file becomes; empty: this release does not know the file.
	Kind func(rel string) string
	// Left says why a file or folder is none of the state: a cache, a log, a secret; empty: it may be
	// state. What is left is not opened, nor is a folder entered.
	Left func(rel string) string
	// As is the name under which the folder that is walked stands in Rel; empty: its own.
	As string
}

// A Walk is what a home holds.
type Walk struct {
	Files []*File
	Gaps  []*pb.Gap         // what may be state and is not carried
	Left  map[string]string // what is left out, with the reason

	skills map[string]string // files that are called SKILL.md, in any case, by their folder
}

// Count is the number of files and gaps of each kind.
func (w *Walk) Count() map[string]uint64 {
	n := map[string]uint64{}
	for _, f := range w.Files {
		n[f.Kind]++
	}
	for _, g := range w.Gaps {
		n[g.Kind] += g.Count
	}
	return n
}

// Skill is the SKILL.md whose folder rel lies in; empty: there is none.
func (w *Walk) Skill(rel string) string {
	for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
		if rel := w.skills[dir]; rel != "" {
			return rel
		}
	}
	return ""
}

// Notes say to a person what is not carried.
func (w *Walk) Notes() []string {
	var notes []string
	for _, rel := range slices.Sorted(maps.Keys(w.Left)) {
		notes = append(notes, "not carried: "+rel+": "+w.Left[rel])
	}
	return notes
}

// SecretFile tells whether a file of this name holds nothing but secrets, wherever it lies: skills and
// projects bring them along.
func SecretFile(base string) bool {
	base = Fold(base)
	env, isEnv := strings.CutPrefix(base, ".env.")
	switch {
	case isEnv:
		return !slices.Contains([]string{"example", "sample", "template", "dist"}, env)
	case slices.Contains([]string{".env", ".key", ".pem", ".p12", ".pfx", ".age"}, path.Ext(base)):
		return true
	}
	return slices.Contains([]string{".envrc", ".credentials.json", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"}, base)
}

// maxFiles is how many files a home may have that are carried.
const maxFiles = 500_000

// maxName is how long the name of a file may be: longer ones are cut in keys.
const maxName = 1000

// Walk walks the folder under of root; empty: root itself. Links below it are gaps and not followed.
func (r Rules) Walk(ctx context.Context, root, under string) (*Walk, error) {
	top, err := filepath.EvalSymlinks(filepath.Join(root, under)) // the folder itself may be a link: a person named it
	if err != nil {
		return nil, err
	}
	if r.As != "" {
		under = r.As
	}
	w := &Walk{Left: map[string]string{}, skills: map[string]string{}}
	unknown := map[string]uint64{}
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, werr error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel, err := filepath.Rel(top, p)
		if err != nil || rel == "." {
			return errors.Join(err, werr)
		}
		if rel = filepath.ToSlash(rel); under != "" {
			rel = under + "/" + rel
		}
		why := r.Left(rel)
		switch {
		case why != "":
			w.Left[valid(rel)] = why
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case werr != nil:
			w.missing(r, rel, 0, werr)
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			w.Gaps = append(w.Gaps, &pb.Gap{Kind: r.folder(rel), Place: valid(rel), Reason: pb.Gap_REASON_FORBIDDEN, Count: linked(p), Detail: "a symbolic link, which is not followed: put what it points at there itself"})
			return nil
		case !d.Type().IsRegular(): // a folder; a socket or a pipe holds nothing
			return nil
		case !utf8.ValidString(rel):
			w.Gaps = append(w.Gaps, &pb.Gap{Kind: r.folder(rel), Place: valid(rel), Reason: pb.Gap_REASON_LIMIT, Count: 1, Detail: fmt.Sprintf("a name that is not UTF-8, %q: rename it", rel)})
			return nil
		case r.Kind(rel) == "":
			unknown[entry(rel, under)]++
			return nil
		case len(rel) > maxName:
			w.Gaps = append(w.Gaps, &pb.Gap{Kind: r.Kind(rel), Place: rel, Reason: pb.Gap_REASON_LIMIT, Count: 1, Detail: fmt.Sprintf("its name has %d bytes, at most %d are carried", len(rel), maxName)})
			return nil
		}
		info, err := d.Info()
		if err != nil {
			w.missing(r, rel, 1, err)
			return nil
		}
		if dir, base := path.Split(rel); Fold(base) == "skill.md" && r.Kind(rel) == "skill" && w.skills[path.Clean(dir)] == "" {
			w.skills[path.Clean(dir)] = rel // of two, capitals come first
		}
		if w.Files = append(w.Files, &File{Rel: rel, Path: p, Kind: r.Kind(rel), Info: info}); len(w.Files) > maxFiles {
			return fmt.Errorf("%s holds more than %d files", top, maxFiles)
		}
		return nil
	})
	for _, e := range slices.Sorted(maps.Keys(unknown)) {
		w.Gaps = append(w.Gaps, &pb.Gap{Kind: "artifact", Place: valid(e), Count: unknown[e], Detail: fmt.Sprintf("%d files that this release does not know", unknown[e])})
	}
	return w, err
}

func (w *Walk) missing(r Rules, rel string, n uint64, err error) {
	g := GapOf(&File{Rel: rel, Kind: r.folder(rel)}, err)
	g.Count = n
	w.Gaps = append(w.Gaps, g)
}

// linked is 1 for a link to a file or to nothing, and 0, which is not known, for one to a folder.
func linked(p string) uint64 {
	if st, err := os.Stat(p); err == nil && st.IsDir() {
		return 0
	}
	return 1
}

// folder is the kind of rel, and where that is a folder, of what it would hold most likely.
func (r Rules) folder(rel string) string {
	for _, p := range []string{"", "/SKILL.md", "/rollout-x.jsonl", "/x.jsonl", "/x.md"} {
		if k := r.Kind(rel + p); k != "" && k != "artifact" {
			return k
		}
	}
	return "artifact"
}

// entry is the first name of rel below under.
func entry(rel, under string) string {
	in := strings.TrimPrefix(strings.TrimPrefix(rel, under), "/")
	top, _, _ := strings.Cut(in, "/")
	if under != "" {
		top = under + "/" + top
	}
	return top
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
