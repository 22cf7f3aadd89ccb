package mem0

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A link is a symbolic link in the place of a database, or of a folder of them, or a store of
// memories of a kind that is not read.
type link struct {
	rel     string
	history bool
	other   string   // what it is, where it is no link
	graph   bool     // of entities and relations alone
	denied  []string // the kinds of a table that the role may not read
}

// grant is the permission that a table takes.
func (l link) grant() string { return "SELECT on " + l.rel }

// why says what it is, and what to do.
func (l link) why() string {
	if l.denied != nil {
		return "the role lacks " + l.grant()
	}
	if l.other != "" {
		return l.other + ", which this release does not read: it reads Qdrant's local folder, pgvector and the SQLite files of the JavaScript package"
	}
	return linked
}

// others are the other stores that mem0 writes to a folder, in this one and in those right below it:
// what is in them would be missed, and nobody could tell.
func (s *Store) others() (out []link) {
	look := func(dir, rel string) (below []string) {
		es, err := os.ReadDir(dir)
		if err != nil || len(es) > maxFiles {
			return nil
		}
		for _, e := range es {
			at := path.Join(rel, e.Name())
			switch {
			case e.IsDir() && isMilvus(filepath.Join(dir, e.Name())):
				out = append(out, link{rel: at, other: "a folder of Milvus Lite"})
			case e.IsDir():
				below = append(below, e.Name())
			case !e.Type().IsRegular():
			case strings.HasSuffix(e.Name(), ".faiss"):
				out = append(out, link{rel: at, other: "an index of FAISS"})
			case e.Name() == "chroma.sqlite3":
				out = append(out, link{rel: at, other: "a database of Chroma"})
			case isKuzu(filepath.Join(dir, e.Name())):
				out = append(out, link{rel: at, other: "a graph of Kuzu", graph: true})
			case e.Name() == "raft_state.json":
				out = append(out, link{rel: at, other: "the storage of a Qdrant server"})
			}
		}
		return below
	}
	for _, name := range look(s.root, "") {
		if dir := filepath.Join(s.root, name); dir != s.qdrant() && name != "collection" {
			look(dir, name)
		}
	}
	return out
}

// isMilvus tells whether a folder is a database of Milvus Lite 3, which is called like a file.
func isMilvus(dir string) bool {
	for _, name := range []string{"LOCK", "databases", "collections"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// isKuzu tells whether a file is a database of Kuzu, in which older releases of mem0 kept a graph, or the catalog of one that was a folder.
func isKuzu(file string) bool {
	if !slices.Contains([]string{"", ".kuzu", ".kz", ".db", ".sqlite", ".sqlite3"}, filepath.Ext(file)) {
		return false
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "KUZU"
}

func isLink(m fs.FileMode) bool { return m&fs.ModeSymlink != 0 }

const linked = "a symbolic link, which is not followed: put what it points at there itself"

// gaps name what the link may stand for.
func (l link) gaps() (out []*pb.Gap) {
	kinds, reason := []string{"memory", "embedding", "entity", "opaque"}, pb.Gap_REASON_FORBIDDEN
	if l.other != "" {
		reason = pb.Gap_REASON_REFUSED
	}
	if l.graph {
		kinds = []string{"entity", "relation"}
	}
	if l.history {
		kinds = []string{"revision", "message", "opaque"}
	}
	permission := ""
	if l.denied != nil {
		kinds, permission = l.denied, l.grant()
	}
	for _, k := range kinds {
		place := strings.ToValidUTF8(l.rel, "\ufffd")
		out = append(out, &pb.Gap{Meta: agentstate.Meta("gap", nil, k, place), Kind: k, Place: place, Reason: reason, Permission: permission, Detail: l.why()})
	}
	return out
}
