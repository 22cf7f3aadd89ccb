// Package promptfoo reads and writes the test suites of promptfoo: one YAML file with prompts,
// providers and tests.
//
// The file is one TestSuite, verbatim. Each of its tests is a TestCase, a view: one a prompt and a
// combination of variables, as promptfoo runs them. Assertions that this module can judge become
// expectations of its own forms; all others, such as javascript and llm-rubric, stay in
// promptfoo's words for a judge command. What stands in other files is a Gap: a suite may be a
// stranger's, and nothing that it names is opened or run.
package promptfoo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrSchema: the file is no suite of promptfoo.
var ErrSchema = errors.New("promptfoo: not a test suite")

const (
	product  = "promptfoo"
	maxFile  = 16 << 20 // bytes
	maxCases = 100_000
)

// suiteKey is the key of the only suite of a file. It has no name in it: a suite that is renamed
// keeps its cases.
var suiteKey = agentstate.Key("testsuite", product)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "promptfoo", URL: "promptfoo:promptfooconfig.yaml", InFolder: true,
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p, err := exporters.Path(u, "promptfoo:FILE or promptfoo:///abs/FILE")
			if err != nil {
				return nil, err
			}
			return Open(p), nil
		},
	}}
}

// A Suite is one file: an agentstate.Source with blobs and preflight, and a replay.Target that can
// undo. The file is read when the Suite is.
type Suite struct{ path string }

var (
	_ exporters.Runtime      = (*Suite)(nil)
	_ agentstate.BlobSource  = (*Suite)(nil)
	_ agentstate.Preflighter = (*Suite)(nil)
	_ replay.Target          = (*Suite)(nil)
	_ replay.Undoer          = (*Suite)(nil)
)

// Open is the suite in the file path. It need not exist before a replay.
func Open(path string) *Suite { return &Suite{path: path} }

// Close does nothing: the file is open only while it is read.
func (s *Suite) Close() error { return nil }

// read is the whole file.
func (s *Suite) read() ([]byte, error) {
	st, err := os.Stat(s.path) // a named pipe would block in Open for ever
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("promptfoo: no file %s: %w", s.path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("promptfoo: %w", err)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no regular file (%s); want the YAML file itself", ErrSchema, s.path, st.Mode().Type())
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("promptfoo: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("promptfoo: %w", err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrSchema, s.path, maxFile)
	}
	return b, nil
}

// load reads and understands the file.
func (s *Suite) load() (*suite, []byte, error) {
	b, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	doc, err := parse(b)
	if err == nil {
		var out *suite
		if out, err = understand(doc); err == nil {
			return out, b, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %s: %w", ErrSchema, s.path, err)
}

func (s *Suite) origin() *pb.Origin {
	return &pb.Origin{Product: product, Flavor: "yaml", Location: strings.ToValidUTF8(s.path, "\ufffd")}
}
