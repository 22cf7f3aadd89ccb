package unpack

import (
	"bufio"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
)

// files are buffered files by kind. There are as many as there are kinds.
type files struct {
	dir, ext string
	open     map[string]*file
	begin    func(*file, string, agentstate.Record) error // of a new file
}

type file struct {
	*bufio.Writer
	f *os.File
}

func (fs *files) of(kind string, r agentstate.Record) (*file, error) {
	if f, ok := fs.open[kind]; ok {
		return f, nil
	}
	f, err := os.OpenFile(filepath.Join(fs.dir, kind+fs.ext), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	out := &file{bufio.NewWriterSize(f, 64<<10), f}
	fs.open[kind] = out
	return out, fs.begin(out, kind, r)
}

// close closes all of them. A full disk says the same of each, so the first error is enough.
func (fs *files) close() error {
	var err error
	for _, kind := range slices.Sorted(maps.Keys(fs.open)) {
		f := fs.open[kind]
		err = cmp.Or(err, f.Flush(), f.f.Sync(), f.f.Close())
	}
	fs.open = nil
	return err
}

// lines are JSON Lines.
type lines struct {
	files
	line []byte
}

func newLines(dir string) *lines {
	return &lines{files: files{dir: dir, ext: ".jsonl", open: map[string]*file{}, begin: func(_ *file, kind string, _ agentstate.Record) error {
		if !slices.Contains(agentstate.Kinds(), kind) {
			return nil // of a later release: nobody here knows its fields
		}
		b, err := recordjson.Schema(kind)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, schemaFolder), 0o700); err != nil {
			return err
		}
		return writeFile(filepath.Join(dir, schemaFolder, kind+".schema.json"), b)
	}}}
}

func (l *lines) put(kind string, r agentstate.Record) error {
	f, err := l.of(kind, r)
	if err != nil {
		return err
	}
	l.line = append(recordjson.Append(l.line[:0], r), '\n')
	_, err = f.Write(l.line)
	return err
}
