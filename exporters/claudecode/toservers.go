package claudecode

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/internal/syncdir"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// serversFile is the file of the home that names MCP servers, beside much that is of the machine. Where
// the older place is there, the other one does not count.
func (h *Home) serversFile() string {
	const older = ".claude/.config.json"
	if _, err := os.Stat(filepath.Join(h.root, h.place(older))); err == nil {
		return older
	}
	return ".claude.json"
}

// A serverFile is that file while servers are put into it or taken out. All else in it stays.
type serverFile struct {
	path    string
	was     []byte // nil: it is not there
	doc     []byte
	bom     []byte // that stands before it, as some editors write it
	changed bool
}

func (h *Home) openServers() (*serverFile, error) {
	path, err := homefiles.Inside(h.root, h.place(h.serversFile()))
	if err != nil {
		return nil, err
	}
	f := &serverFile{path: path, doc: []byte("{}")}
	switch b, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		f.was, f.doc = b, homefiles.JSON(b)
		f.bom = b[:len(b)-len(f.doc)]
	}
	if o, ok := jsonvalue.Parse(f.doc); !ok || !o.IsObject() {
		return nil, fmt.Errorf("%s is no JSON object", path)
	}
	return f, nil
}

// serversOf are the names that lead to the servers of a project; empty: of all.
func serversOf(project string) []string {
	if project == "" {
		return []string{"mcpServers"}
	}
	return []string{"projects", project, "mcpServers"}
}

func (f *serverFile) get(project, name string) jsonvalue.Value {
	v, _ := jsonvalue.Parse(f.doc)
	for _, n := range append(serversOf(project), name) {
		v = v.Get(n)
	}
	return v
}

var errNames = errors.New("a name that is no text")

// areTexts is errNames where JSON cannot hold a name: each by itself, since the ends of two may make a letter together.
func areTexts(names ...string) error {
	for _, n := range names {
		if strings.Contains(n, "\ufffd") || !utf8.ValidString(n) {
			return errNames
		}
	}
	return nil
}

// set puts a server where there is none, and tells how many of the objects around it, at last the file, it made for it.
func (f *serverFile) set(project, name string, server []byte) (made int, err error) {
	if err := areTexts(project, name); err != nil {
		return 0, err
	}
	doc, made, err := with(f.doc, append(serversOf(project), name), server)
	if err != nil {
		return 0, err
	}
	if f.was == nil && !f.changed {
		made++
	}
	f.doc, f.changed = doc, true
	return made, nil
}

// take takes a server out.
func (f *serverFile) take(project, name string) {
	f.doc, f.changed = without(f.doc, append(serversOf(project), name)), true
}

// prune takes out the object to which the first n names to the servers of a project lead, if it is empty; 0: the file.
func (f *serverFile) prune(project string, n int) {
	path := serversOf(project)[:n]
	v, _ := jsonvalue.Parse(f.doc)
	for _, name := range path {
		v = v.Get(name)
	}
	if !v.IsObject() || len(members(v)) > 0 {
		return
	}
	doc := f.doc
	if f.doc, f.changed = nil, true; n > 0 {
		f.doc = without(doc, path)
	}
}

// pruneMade takes out what was made for servers and is empty. What was made for one of them may hold others: it goes behind all inside of it.
func (f *serverFile) pruneMade(created []replay.Receipt) {
	for n := len(serversOf("any")); n >= 0; n-- {
		for _, rc := range created {
			_, parts := agentstate.SplitKey(rc.Target)
			_, made, _ := strings.Cut(rc.Version, "+")
			count, err := strconv.Atoi(made)
			if err != nil || len(parts) != 2 {
				continue
			}
			if in := len(serversOf(parts[0])); n <= in && n > in-count {
				f.prune(parts[0], n)
			}
		}
	}
}

// A member is where one of an object stands: its name, its value and the end of that.
type member struct {
	name            string
	from, value, to int
}

func members(o jsonvalue.Value) (all []member) {
	at := 0
	o.Pairs(func(name, v jsonvalue.Value) {
		from := at + bytes.IndexByte(o[at:], '"')
		value := from + len(name) + bytes.IndexByte(o[from+len(name):], ':') + 1
		value += bytes.IndexByte(o[value:], v[0])
		at = value + len(v)
		all = append(all, member{jsonvalue.Value(name).Text(), from, value, at})
	})
	return all
}

// lastOf is the place of the last member of this name; -1: there is none.
func lastOf(all []member, name string) int {
	for i, m := range slices.Backward(all) {
		if m.name == name {
			return i
		}
	}
	return -1
}

// with is the object doc with v at the end of path, behind all that is there, and how many objects it took. No other byte
// changes, so that without gives doc again.
func with(doc []byte, path []string, v []byte) (out []byte, made int, err error) {
	o, ok := jsonvalue.Parse(doc)
	if !ok || !o.IsObject() {
		return nil, 0, fmt.Errorf("%.60q has no place: what should hold it is no object", path[0])
	}
	start := bytes.IndexByte(doc, '{')
	all := members(o)
	if i := lastOf(all, path[0]); i >= 0 && len(path) > 1 {
		from, to := start+all[i].value, start+all[i].to
		in, made, err := with(doc[from:to], path[1:], v)
		return slices.Concat(doc[:from], in, doc[to:]), made, err
	}
	quoted := func(s string) []byte {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode(s) // of text, which it takes
		return bytes.TrimSpace(b.Bytes())
	}
	for ; len(path) > 1; path, made = path[:len(path)-1], made+1 {
		v = slices.Concat([]byte("{"), quoted(path[len(path)-1]), []byte(": "), v, []byte("}"))
	}
	at, before := start+1, []byte(nil)
	if n := len(all); n > 0 { // as the last one stands there
		gap := o[1:all[n-1].from]
		if n > 1 {
			gap = o[all[n-2].to:all[n-1].from]
			gap = gap[bytes.IndexByte(gap, ',')+1:]
		}
		at, before = start+all[n-1].to, slices.Concat([]byte(","), gap)
	}
	return slices.Concat(doc[:at], before, quoted(path[0]), []byte(": "), v, doc[at:]), made, nil
}

// without is doc without the member at the end of path, which is there.
func without(doc []byte, path []string) []byte {
	o, _ := jsonvalue.Parse(doc)
	start := bytes.IndexByte(doc, '{')
	all := members(o)
	i := lastOf(all, path[0])
	from, to := all[i].from, all[i].to
	switch {
	case len(path) > 1:
		return slices.Concat(doc[:start+all[i].value], without(o[all[i].value:to], path[1:]), doc[start+to:])
	case i < len(all)-1:
		to = all[i+1].from
	case i > 0:
		from = all[i-1].to
	default:
		from = 1
	}
	return slices.Concat(doc[:start+from], doc[start+to:])
}

// commit puts the file in its place for the run, unless somebody changed it meanwhile. Without anything in it, it
// goes.
func (f *serverFile) commit(run string) error {
	if !f.changed {
		return nil
	}
	now, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, f.was) || (err == nil) != (f.was != nil) {
		return fmt.Errorf("%w: %s", ErrChanged, f.path)
	}
	if f.doc == nil {
		return os.Remove(f.path)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	tmp, err := homefiles.Only(filepath.Dir(f.path), run) // 0600: it may hold what others must not read
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	whole := slices.Concat(f.bom, f.doc)
	_, err = tmp.Write(whole)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		return err
	}
	f.was, f.changed = whole, false
	_ = syncdir.Sync(filepath.Dir(f.path)) // it is there; not every file system can do more
	return nil
}

func serverDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// compact is a server without the blanks between its values: Claude Code sets those anew each time that it writes the file.
func compact(server []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, server) != nil {
		return server
	}
	return b.Bytes()
}

// server puts an MCP server that a person has approved beside those that are there. Its secrets are
// empty: the person binds them.
func (w *writer) server(ctx context.Context, s *pb.ToolServer) (replay.Receipt, error) {
	kind, parts := agentstate.SplitKey(s.Meta.Key)
	if len(parts) != 2 || kind != "toolserver" || strings.Contains(s.Meta.Key, "~") || len(s.Meta.Native) != 1 {
		return refused("its key names no server")
	}
	if err := areTexts(parts...); err != nil {
		return refused("%v", err)
	}
	b, err := w.run.Source.Data(ctx, s.Meta.Native[0].GetData())
	if err != nil {
		return replay.Receipt{}, err
	}
	if v, ok := jsonvalue.Parse(b); !ok || !v.IsObject() {
		return refused("its settings are no JSON object")
	}
	if w.servers == nil {
		if w.servers, err = w.h.openServers(); err != nil {
			return refused("%v", err)
		}
	}
	rc := replay.Receipt{Action: replay.Created, Target: s.Meta.Key, Version: serverDigest(compact(b))}
	switch have := w.servers.get(parts[0], parts[1]); {
	case len(have) == 0:
	case !bytes.Equal(have, b):
		return replay.Receipt{Action: replay.Conflict, Why: "the home has another server of this name"}, nil
	default:
		if !w.run.Doubts(s.Meta.Key) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	if w.run.DryRun {
		return rc, nil
	}
	made, err := w.servers.set(parts[0], parts[1], b)
	if err != nil {
		return refused("%s: %v", filepath.Base(w.servers.path), err)
	}
	if made > 0 {
		rc.Version += "+" + strconv.Itoa(made)
	}
	return rc, nil
}

// undoServers takes servers of a run out again. One that is another by now stays.
func (h *Home) undoServers(run string, created []replay.Receipt, leave func(replay.Receipt)) error {
	if len(created) == 0 {
		return nil
	}
	f, err := h.openServers()
	if err != nil {
		for _, rc := range created {
			rc.Why = err.Error()
			leave(rc)
		}
		return nil
	}
	for _, rc := range created {
		_, parts := agentstate.SplitKey(rc.Target)
		if len(parts) != 2 {
			continue
		}
		have := f.get(parts[0], parts[1])
		if len(have) == 0 {
			rc.Why = replay.Gone
			leave(rc)
			continue
		}
		if version, _, _ := strings.Cut(rc.Version, "+"); serverDigest(compact(have)) == version || serverDigest(have) == version {
			f.take(parts[0], parts[1])
			continue
		}
		rc.Why = "the server is another one by now"
		leave(rc)
	}
	f.pruneMade(created)
	return f.commit(run)
}
