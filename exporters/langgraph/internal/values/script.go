package values

import (
	"iter"
	"strconv"
)

// script renders what JavaScript's library wrote of a value that JSON has no form for, as a person would write it; false:
// v is none, or one that the library itself leaves as it is.
func (r *renderer) script(v val, depth int) bool {
	o, ok := v.object()
	if !ok || v.pack {
		return false
	}
	if len(o.path) > 1 { // a class of LangChain
		r.ext(v, depth)
		return true
	}
	var args []val
	for x := range o.args.items() {
		args = append(args, x)
	}
	text := func(i int) string {
		s, _ := args[i].text()
		return s
	}
	switch class := o.class(); {
	case class == "undefined":
		r.out = append(r.out, "null"...)
	case class == "Error" && len(args) == 1 && args[0].kind() == kString:
		r.text("Error: " + text(0))
	case class == "RegExp" && len(args) == 2:
		r.text("/" + text(0) + "/" + text(1))
	case len(args) != 1 || args[0].kind() != kArray:
		return false
	case class == "Set":
		r.value(args[0], depth)
	case class == "Map":
		r.pairs(args[0], depth)
	case class == "Uint8Array":
		b, ok := bytesOf(args[0])
		if !ok {
			return false
		}
		r.out = append(r.out, renderBytes(b, r.max-len(r.out))...)
	default:
		return false
	}
	return true
}

// pairs renders the entries of a Map: an object where all its keys are texts, else a list of pairs.
func (r *renderer) pairs(entries val, depth int) {
	for e := range entries.items() {
		k, _, ok := pair(e)
		if _, isText := k.text(); !ok || !isText {
			r.value(entries, depth)
			return
		}
	}
	r.list('{', '}', func(next func() bool) {
		for e := range entries.items() {
			if !next() {
				return
			}
			k, x, _ := pair(e)
			r.key(k)
			r.value(x, depth+1)
		}
	})
}

// pair takes a list of two apart.
func pair(v val) (a, b val, ok bool) {
	n := 0
	a, b = v.null(), v.null()
	for x := range v.items() {
		switch n++; n {
		case 1:
			a = x
		case 2:
			b = x
		}
	}
	return a, b, n == 2
}

// bytesOf reads a list of numbers below 256.
func bytesOf(v val) (out []byte, ok bool) {
	for x := range v.items() {
		n := 0
		for _, c := range []byte(x.number()) {
			if c < '0' || c > '9' || n > 255 {
				return nil, false
			}
			n = 10*n + int(c-'0')
		}
		if n > 255 || x.kind() != kNumber {
			return nil, false
		}
		out = append(out, byte(n))
	}
	return out, true
}

// entry is what a person finds under name in v: a member, or an entry of a Map of JavaScript.
func (v val) entry(name string) val {
	if o, ok := v.object(); ok && !v.pack && o.class() == "Map" {
		for entries := range o.args.items() {
			for e := range entries.items() {
				if k, x, _ := pair(e); k.kind() == kString && (field{key: k}).is(name) {
					return x
				}
			}
		}
	}
	return v.field(name)
}

// elements are those of a list, or of a set.
func (v val) elements() iter.Seq[val] {
	o, ok := v.object()
	if !ok {
		return v.items()
	}
	for x := range o.args.items() { // a set's one argument
		if x.kind() == kArray {
			return x.items()
		}
		break
	}
	return o.args.items()
}

// numbered is what JSON makes of bytes inside a message of JavaScript: an object of all places in their order, or a
// Buffer's own form.
func numbered(v val) (out []byte, ok bool) {
	if v.pack || v.kind() != kMap {
		return nil, false
	}
	if v.str("type") == "Buffer" {
		return bytesOf(v.field("data"))
	}
	if o, is := v.object(); is && o.class() == "Uint8Array" {
		for x := range o.args.items() {
			return bytesOf(x)
		}
	}
	for f := range v.fields() {
		n, err := strconv.ParseUint(f.value.number(), 10, 8)
		if k, _ := f.key.text(); err != nil || f.value.kind() != kNumber || k != strconv.Itoa(len(out)) {
			return nil, false
		}
		out = append(out, byte(n))
	}
	return out, len(out) > 0
}
