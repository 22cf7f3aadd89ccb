// Package keyfile reads files of keys of records, as people write them: approvals, tombstones, holds.
package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// ErrNoKey: a line of the file is no key of a record. Read as one it would match nothing, and what was
// not to come back would.
var ErrNoKey = errors.New("no key of a record")

// ReadKept is Read for keys that must not be forgotten, as of tombstones and holds. A file with nothing in it at all is
// refused: it may have been cut off.
func ReadKept(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, fmt.Errorf("%w: %s is empty; a list of nothing says so in a line that begins with #", ErrNoKey, path)
	}
	return parse(path, b)
}

// Read is the keys in the file path, one a line; blank lines and those that begin with # are none.
func Read(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, b)
}

func parse(path string, b []byte) ([]string, error) {
	key := regexp.MustCompile(`^[a-z]+/\S*$`) // a kind of a later release, too; blanks are escaped
	var out []string
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if !key.MatchString(line) {
			return nil, fmt.Errorf("%w: %s, line %d: want KIND/…, as exitramp list prints it", ErrNoKey, path, n)
		}
		out = append(out, line)
	}
	return out, nil
}
