package unpack

import (
	"encoding/csv"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
)

// sheets are CSV files (RFC 4180).
type sheets struct {
	files
	by map[string]*sheet
}

type sheet struct {
	w    *csv.Writer
	cols []column
	row  []string
}

func newSheets(dir string) *sheets {
	s := &sheets{by: map[string]*sheet{}}
	s.files = files{dir: dir, ext: ".csv", open: map[string]*file{}, begin: func(f *file, kind string, r agentstate.Record) error {
		sh := &sheet{w: csv.NewWriter(f), cols: columns(r)}
		sh.row = make([]string, len(sh.cols))
		for i, c := range sh.cols {
			sh.row[i] = c.name
		}
		s.by[kind] = sh
		return sh.w.Write(sh.row)
	}}
	return s
}

func (s *sheets) put(kind string, r agentstate.Record) error {
	if _, err := s.of(kind, r); err != nil {
		return err
	}
	sh := s.by[kind]
	for i, c := range sh.cols {
		sh.row[i] = cell(c.value(r))
	}
	return sh.w.Write(sh.row)
}

func (s *sheets) close() error {
	for _, sh := range s.by {
		sh.w.Flush()
		if err := sh.w.Error(); err != nil {
			return err
		}
	}
	return s.files.close()
}

// cell is v as text. What a spreadsheet would run as a formula gets an apostrophe: the words of
// strangers are in here.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(v, unicode.IsSpace)); strings.ContainsRune("=+-@|＝＋－＠", first) || strings.HasPrefix(v, "\t") || strings.HasPrefix(v, "\r") {
			return "'" + v
		}
		return v
	}
	return fmt.Sprint(v)
}
