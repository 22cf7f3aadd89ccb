// Package keyfile reads files of keys of records, as people write them: approvals, tombstones, holds.
package keyfile

import (
	"os"
	"strings"
)

// Read is the lines of the file path but for blank ones and those that begin with #.
func Read(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out, nil
}
