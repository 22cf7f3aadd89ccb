package mcpmemory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// rewritten is v as the server writes it when it next rewrites the file, JSON.stringify of what JSON.parse
// makes of it: so what is no text has one reading before and after.
func rewritten(v jsonvalue.Value) string {
	if len(v) == 0 {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(v)) // it walks over a value once, however deep it is
	d.UseNumber()
	return string(rewrite(nil, d))
}

// rewrite appends the value that d stands before, which was checked.
func rewrite(out []byte, d *json.Decoder) []byte {
	t, _ := d.Token()
	switch t := t.(type) {
	case string:
		return quoteText(out, t)
	case json.Number:
		return append(out, number(string(t))...)
	case bool:
		return strconv.AppendBool(out, t)
	case json.Delim:
		if t == '{' {
			return rewriteObject(out, d)
		}
		out = append(out, '[')
		for d.More() {
			out = append(rewrite(out, d), ',')
		}
		d.Token()
		return append(bytes.TrimSuffix(out, []byte(",")), ']')
	}
	return append(out, "null"...)
}

// rewriteObject appends members as JavaScript keeps them: numbers first, in their order; of a name that
// stands there twice the last value, where the first stood.
func rewriteObject(out []byte, d *json.Decoder) []byte {
	type member struct {
		index    uint64 // MaxUint64: its name is no number
		from, to int    // where it stands in out
	}
	var all []member
	at, moved := map[string]int{}, false
	out = append(out, '{')
	begin := len(out)
	for d.More() {
		t, _ := d.Token()
		name, _ := t.(string)
		m := member{math.MaxUint64, len(out), 0}
		out = append(rewrite(append(quoteText(out, name), ':'), d), ',')
		m.to = len(out)
		if n, err := strconv.ParseUint(name, 10, 32); err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == name {
			m.index, moved = n, true
		}
		if i, ok := at[name]; ok {
			all[i], moved = m, true
			continue
		}
		at[name] = len(all)
		all = append(all, m)
	}
	d.Token()
	if moved {
		slices.SortStableFunc(all, func(x, y member) int { return cmp.Compare(x.index, y.index) })
		was := bytes.Clone(out[begin:])
		out = out[:begin]
		for _, m := range all {
			out = append(out, was[m.from-begin:m.to-begin]...)
		}
	}
	return append(bytes.TrimSuffix(out, []byte(",")), '}')
}

// number is a JSON number as JavaScript writes it.
func number(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	switch abs := math.Abs(f); {
	case err != nil && math.IsInf(f, 0):
		return "null"
	case f == 0:
		return "0"
	case abs >= 1e-6 && abs < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	digits, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	return digits + "e" + exp[:1] + strings.TrimLeft(exp[1:], "0")
}

func quoteText(out []byte, s string) []byte {
	out = append(out, '"')
	for _, c := range s {
		switch i := strings.IndexRune("\b\f\n\r\t\"\\", c); {
		case i >= 0:
			out = append(out, '\\', `bfnrt"\`[i])
		case c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, string(c)...)
		}
	}
	return append(out, '"')
}
