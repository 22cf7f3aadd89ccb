package secrets

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
)

// redact takes what is found out of r and of its blobs, and then the same values wherever else they are
// in it, within maxValues. False: one is in a key.
func (s *Source) redact(r agentstate.Record, blobs map[string][]byte) bool {
	values := map[string]bool{}
	all := func(f func(key bool, text []byte, set func([]byte))) {
		s.plans.texts(r, true, func(p place) {
			f(p.key, p.text(&s.buf), p.set)
		})
		for _, id := range slices.Sorted(maps.Keys(blobs)) {
			f(false, blobs[id], func(b []byte) { blobs[id] = b })
		}
	}
	clean := true
	all(func(key bool, text []byte, set func([]byte)) {
		s.found = s.scanner.Find(text, s.found[:0])
		for _, f := range s.found {
			for _, v := range spellings(text[f.Start:f.End]) {
				values[v] = true
			}
		}
		if len(s.found) == 0 {
			return
		}
		if clean = clean && !key; !key {
			set(mask(text, s.found))
		}
	})
	long := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	if len(long) > maxValues {
		long = long[:maxValues]
	}
	all(func(key bool, text []byte, set func([]byte)) {
		s.found = s.found[:0]
		for _, v := range long {
			for at := 0; ; {
				i := bytes.Index(text[at:], []byte(v))
				if i < 0 {
					break
				}
				s.found = append(s.found, Finding{Start: at + i, End: at + i + len(v)})
				at += i + len(v)
			}
		}
		if len(s.found) == 0 {
			return
		}
		if clean = clean && !key; !key {
			set(mask(text, s.found))
		}
	})
	agentstate.DropUnknown(r)
	return clean
}

// spellings are the ways in which JSON may write the value v, a document within a document included.
func spellings(v []byte) []string {
	var w work
	w.unescape(v)
	plain := string(w.plain)
	out := []string{string(v), plain}
	for at := plain; len(out) < 8; {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(len(out)%2 == 0)
		if e.Encode(at) != nil {
			break
		}
		q := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		out = append(out, string(q[1:len(q)-1]))
		if len(out)%2 == 0 {
			at = out[len(out)-1]
		}
	}
	out = append(out, string(bytes.ReplaceAll([]byte(plain), []byte("/"), []byte(`\/`))))
	out = slices.DeleteFunc(out, func(s string) bool { return len(s) < minValue })
	slices.Sort(out)
	return slices.Compact(out)
}
