package mcpmemory

import (
	"cmp"
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
	var b strings.Builder
	rewrite(&b, v)
	return b.String()
}

func rewrite(b *strings.Builder, v jsonvalue.Value) {
	switch {
	case v.IsText():
		quoteText(b, v.Text())
	case v.IsList():
		sep := "["
		v.Elements(func(x jsonvalue.Value) {
			b.WriteString(sep)
			rewrite(b, x)
			sep = ","
		})
		b.WriteString(strings.TrimSuffix(sep, ",") + "]")
	case v.IsObject():
		rewriteObject(b, v)
	case len(v) > 0 && (v[0] == '-' || '0' <= v[0] && v[0] <= '9'):
		b.WriteString(number(string(v)))
	default:
		b.Write(v) // true, false, null
	}
}

// rewriteObject writes members as JavaScript keeps them: numbers first, in their order; of a name that
// stands there twice the last value, where the first stood.
func rewriteObject(b *strings.Builder, v jsonvalue.Value) {
	type member struct {
		name  string
		index int64 // -1: none
		value jsonvalue.Value
	}
	var all []member
	at := map[string]int{}
	v.Members(func(name []byte, x jsonvalue.Value) {
		m := member{string(name), -1, x}
		if n, err := strconv.ParseUint(m.name, 10, 32); err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == m.name {
			m.index = int64(n)
		}
		if i, ok := at[m.name]; ok {
			all[i].value = x
			return
		}
		at[m.name] = len(all)
		all = append(all, m)
	})
	slices.SortStableFunc(all, func(x, y member) int { return cmp.Compare(uint64(x.index), uint64(y.index)) }) // -1 is the last
	sep := "{"
	for _, m := range all {
		b.WriteString(sep)
		quoteText(b, m.name)
		b.WriteByte(':')
		rewrite(b, m.value)
		sep = ","
	}
	b.WriteString(strings.TrimSuffix(sep, ",") + "}")
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

func quoteText(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch i := strings.IndexRune("\b\f\n\r\t\"\\", c); {
		case i >= 0:
			b.WriteByte('\\')
			b.WriteByte(`bfnrt"\`[i])
		case c < ' ':
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}
