package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// table is a CSV file, and what charts and numbers of the report are taken from. The first column
// is the id of the row.
type table struct {
	name    string // "kinds": csv/kinds.csv
	caption string
	columns []column
	rows    [][]cell
	ids     map[string]bool
}

type column struct {
	name, label string // of the file, and for people
	number      bool   // counts, which stand to the right
}

// cell is a value twice: as machines take it, and as people read it.
type cell struct{ raw, text string }

func (t *table) file() string { return "csv/" + t.name + ".csv" }

// newTable makes a table of columns "name" or "name=label"; a "#" before it: a number.
func newTable(name, caption string, columns ...string) *table {
	t := &table{name: name, caption: caption, ids: map[string]bool{}}
	for _, c := range columns {
		c, number := strings.CutPrefix(c, "#")
		n, label, ok := strings.Cut(c, "=")
		if !ok {
			label = strings.ReplaceAll(n, "_", " ")
		}
		t.columns = append(t.columns, column{n, label, number})
	}
	return t
}

// put adds a row and returns its id, which is made unique in the table.
func (t *table) put(id string, values ...any) string {
	id = clean(id)
	for n, was := 2, id; t.ids[id]; n++ {
		id = fmt.Sprintf("%s~%d", was, n)
	}
	t.ids[id] = true
	row := []cell{{id, id}}
	for _, v := range values {
		row = append(row, cellOf(v))
	}
	for len(row) < len(t.columns) {
		row = append(row, cell{})
	}
	t.rows = append(t.rows, row)
	return id
}

// duration is in seconds.
type duration float64

func cellOf(v any) cell {
	switch v := v.(type) {
	case cell:
		return v
	case string:
		return cell{v, clean(v)}
	case uint64:
		return cell{strconv.FormatUint(v, 10), grouped(v)}
	case int64:
		if v < 0 {
			return cell{strconv.FormatInt(v, 10), "−" + grouped(uint64(-v))}
		}
		return cellOf(uint64(v))
	case int:
		return cellOf(int64(v))
	case *uint64:
		if v == nil {
			return cell{"", "unknown"}
		}
		return cellOf(*v)
	case duration:
		return cell{strconv.FormatFloat(float64(v), 'f', -1, 64), seconds(float64(v))}
	case float64:
		return cell{strconv.FormatFloat(v, 'f', -1, 64), strconv.FormatFloat(v, 'f', -1, 64)}
	case bool:
		if v {
			return cell{"true", "yes"}
		}
		return cell{"false", "no"}
	case *bool:
		if v == nil {
			return cell{"", "not said"}
		}
		return cellOf(*v)
	case time.Time:
		if v.IsZero() {
			return cell{}
		}
		return cell{v.UTC().Format(time.RFC3339Nano), at(v)}
	}
	panic(fmt.Sprintf("report: a cell of %T", v))
}

// csv is the table in RFC 4180: a header, CRLF.
func (t *table) csv() []byte {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	row := make([]string, len(t.columns))
	for i, c := range t.columns {
		row[i] = c.name
	}
	w.Write(row) // a buffer takes all
	for _, r := range t.rows {
		for i := range t.columns {
			row[i] = Cell(r[i].raw)
		}
		w.Write(row)
	}
	w.Flush()
	return buf.Bytes()
}

// Cell is a value for a CSV file that no spreadsheet takes for a formula. Numbers stay numbers;
// control characters become spaces.
func Cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if strings.Trim(s, "0123456789.-") == "" {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return s
		}
	}
	if first, n := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, unicode.IsSpace)); n > 0 && strings.ContainsRune("=+-@|＝＋－＠", first) {
		return "'" + s
	}
	return s
}
