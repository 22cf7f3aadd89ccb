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
	w := &rewriter{}
	w.value(d)
	if len(w.moved) == 0 {
		return string(w.out)
	}
	slices.SortFunc(w.moved, func(x, y objectAt) int { return cmp.Compare(x.from, y.from) })
	return string(w.ordered(make([]byte, 0, len(w.out)), 0, len(w.out)))
}

// A rewriter writes a value in the order of its text. Objects whose members JavaScript keeps in another
// order are put into it at the end, all at once: they may stand in each other, thousands deep.
type rewriter struct {
	out   []byte
	moved []objectAt
}

type objectAt struct {
	from, to int      // where it stands in out
	members  []member // those that it keeps, in their order
}

type member struct {
	index    uint64 // MaxUint64: its name is no number
	from, to int
}

// value appends the value that d stands before, which was checked.
func (w *rewriter) value(d *json.Decoder) {
	t, _ := d.Token()
	switch t := t.(type) {
	case string:
		w.out = quoteText(w.out, t)
	case json.Number:
		w.out = append(w.out, number(string(t))...)
	case bool:
		w.out = strconv.AppendBool(w.out, t)
	case json.Delim:
		if t == '{' {
			w.object(d)
			return
		}
		w.out = append(w.out, '[')
		for comma := false; d.More(); comma = true {
			if comma {
				w.out = append(w.out, ',')
			}
			w.value(d)
		}
		d.Token()
		w.out = append(w.out, ']')
	default:
		w.out = append(w.out, "null"...)
	}
}

// object appends an object. JavaScript keeps numbers first, in their order; of a name that stands there twice
// the last value, where the first stood.
func (w *rewriter) object(d *json.Decoder) {
	o, at, twice := objectAt{from: len(w.out)}, map[string]int{}, false
	w.out = append(w.out, '{')
	for comma := false; d.More(); comma = true {
		if comma {
			w.out = append(w.out, ',')
		}
		t, _ := d.Token()
		name, _ := t.(string)
		m := member{index: math.MaxUint64, from: len(w.out)}
		w.out = append(quoteText(w.out, name), ':')
		w.value(d)
		m.to = len(w.out)
		if n, err := strconv.ParseUint(name, 10, 32); err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == name {
			m.index = n
		}
		if i, ok := at[name]; ok {
			o.members[i], twice = m, true
			continue
		}
		at[name] = len(o.members)
		o.members = append(o.members, m)
	}
	d.Token()
	w.out = append(w.out, '}')
	byIndex := func(x, y member) int { return cmp.Compare(x.index, y.index) }
	if o.to = len(w.out); twice || !slices.IsSortedFunc(o.members, byIndex) {
		slices.SortStableFunc(o.members, byIndex)
		w.moved = append(w.moved, o)
	}
}

// ordered appends what stands from..to, with the members of each object in their order.
func (w *rewriter) ordered(out []byte, from, to int) []byte {
	for {
		i, _ := slices.BinarySearchFunc(w.moved, from, func(o objectAt, at int) int { return cmp.Compare(o.from, at) })
		if i == len(w.moved) || w.moved[i].from >= to {
			return append(out, w.out[from:to]...)
		}
		o := w.moved[i]
		out = append(append(out, w.out[from:o.from]...), '{')
		for n, m := range o.members {
			if n > 0 {
				out = append(out, ',')
			}
			out = w.ordered(out, m.from, m.to)
		}
		out, from = append(out, '}'), o.to
	}
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
