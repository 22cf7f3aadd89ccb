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

// set puts a server, or with nil takes it out, and what is empty then.
func (f *serverFile) set(project, name string, server []byte) error {
	doc, err := with(f.doc, append(serversOf(project), name), server)
	if err == nil {
		f.doc, f.changed = doc, true
	}
	return err
}

var errNames = errors.New("it has names that are no text")

// with is the object doc with v at the end of path; nil: without it. Values that are not on the path
// stay to the byte.
func with(doc []byte, path []string, v []byte) ([]byte, error) {
	if len(path) == 0 {
		return v, nil
	}
	type member struct {
		name string
		raw  []byte
	}
	var all []member
	at := -1
	o, ok := jsonvalue.Object(doc, func(name []byte, v jsonvalue.Value) {
		if string(name) == path[0] {
			at = len(all)
		}
		all = append(all, member{string(name), v})
	})
	if doc != nil && (!ok || !o.IsObject()) {
		return nil, fmt.Errorf("%.60q is no object", path[0])
	}
	var old []byte
	if at >= 0 {
		old = all[at].raw
	}
	in, err := with(old, path[1:], v)
	switch {
	case err != nil:
		return nil, err
	case in == nil && at >= 0:
		all = append(all[:at], all[at+1:]...)
	case in != nil && at >= 0:
		all[at].raw = in
	case in != nil:
		all = append(all, member{path[0], in})
	}
	if len(all) == 0 && v == nil {
		return nil, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, m := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		if strings.Contains(m.name, "\ufffd") || !utf8.ValidString(m.name) {
			return nil, errNames
		}
		out.WriteString("\n  ")
		if err := e.Encode(m.name); err != nil {
			return nil, err
		}
		out.Truncate(out.Len() - 1) // the encoder's newline
		out.WriteString(": ")
		out.Write(m.raw)
	}
	out.WriteString("\n}")
	return out.Bytes(), nil
}

// commit puts the file in its place, unless somebody changed it meanwhile. Without anything in it, it
// goes.
func (f *serverFile) commit() error {
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
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".exitramp-*") // 0600: it may hold what others must not read
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

// server puts an MCP server that a person has approved beside those that are there. Its secrets are
// empty: the person binds them.
func (w *writer) server(ctx context.Context, s *pb.ToolServer) (replay.Receipt, error) {
	kind, parts := agentstate.SplitKey(s.Meta.Key)
	if len(parts) != 2 || kind != "toolserver" || strings.Contains(s.Meta.Key, "~") || len(s.Meta.Native) != 1 {
		return refused("its key names no server")
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
	rc := replay.Receipt{Action: replay.Created, Target: s.Meta.Key, Version: serverDigest(b)}
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
	if err := w.servers.set(parts[0], parts[1], b); err != nil {
		return refused("%s: %v", filepath.Base(w.servers.path), err)
	}
	return rc, nil
}

// undoServers takes servers of a run out again. One that is another by now stays.
func (h *Home) undoServers(created []replay.Receipt) (left []replay.Receipt, err error) {
	if len(created) == 0 {
		return nil, nil
	}
	f, err := h.openServers()
	if err != nil {
		for i := range created {
			created[i].Why = err.Error()
		}
		return created, nil
	}
	for _, rc := range created {
		_, parts := agentstate.SplitKey(rc.Target)
		if len(parts) != 2 {
			continue
		}
		have := f.get(parts[0], parts[1])
		if len(have) == 0 {
			rc.Why = replay.Gone
			left = append(left, rc)
			continue
		}
		if serverDigest(have) == rc.Version {
			if f.set(parts[0], parts[1], nil) == nil {
				continue
			}
		}
		rc.Why = "the server is another one by now"
		left = append(left, rc)
	}
	return left, f.commit()
}
