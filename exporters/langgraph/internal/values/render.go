package values

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// JSON renders any value for people, in at most about max bytes: extension values become
// {"$type":"module.Name",…}, bytes base64, NaN a string, and what JavaScript keeps as constructors is written as they
// print. What is cut off shows as "…".
func JSON(serializer string, b []byte, max int) []byte {
	switch serializer {
	case "null", "empty":
		return []byte("null")
	case "bytes", "bytearray":
		return renderBytes(b, max)
	}
	v, err := parse(serializer, b)
	if err != nil {
		return renderBytes(b, min(max, 256))
	}
	return render(v, max)
}

func render(v val, max int) []byte {
	r := &renderer{max: max}
	r.value(v, 0)
	return r.out
}

type renderer struct {
	out []byte
	max int
}

func (r *renderer) full(depth int) bool {
	if len(r.out) < r.max && depth < maxDepth {
		return false
	}
	r.out = append(r.out, `"…"`...)
	return true
}

func (r *renderer) text(s string) {
	if room := r.max - len(r.out); len(s) > max(room, 16) {
		s = validCut(s, max(room, 16))
	}
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`"…"`)
	}
	b = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b)))
	r.out = append(r.out, b...)
}

func validCut(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func (r *renderer) value(v val, depth int) {
	if r.full(depth) {
		return
	}
	switch v.kind() {
	case kNil:
		r.out = append(r.out, "null"...)
	case kBool:
		if v.pack && v.b[0] == 0xc3 || !v.pack && v.b[0] == 't' {
			r.out = append(r.out, "true"...)
		} else {
			r.out = append(r.out, "false"...)
		}
	case kNumber:
		n := v.number()
		if !v.pack && (n == "NaN" || strings.HasSuffix(n, "Infinity")) {
			n = `"` + n + `"`
		}
		r.out = append(r.out, n...)
	case kString:
		if s, ok := v.text(); ok {
			r.text(s)
		} else if v.pack {
			r.out = append(r.out, renderBytes(packBody(v.b), r.max-len(r.out))...)
		} else {
			r.out = append(r.out, v.b[:min(len(v.b), max(r.max-len(r.out), 0))]...) // escapes of lone surrogates stay
			if len(v.b) > max(r.max-len(r.out), 0) && r.out[len(r.out)-1] != '"' {
				r.out = append(r.out, '"')
			}
		}
	case kBytes:
		r.out = append(r.out, renderBytes(packBody(v.b), r.max-len(r.out))...)
	case kArray:
		r.list('[', ']', func(next func() bool) {
			for x := range v.items() {
				if !next() {
					return
				}
				r.value(x, depth+1)
			}
		})
	case kMap:
		if r.script(v, depth) {
			return
		}
		r.list('{', '}', func(next func() bool) {
			for f := range v.fields() {
				if !next() {
					return
				}
				r.key(f.key)
				r.value(f.value, depth+1)
			}
		})
	case kExt:
		r.ext(v, depth)
	}
}

func (r *renderer) key(k val) {
	if s, ok := k.text(); ok {
		r.text(s)
	} else {
		r.text(string(render(k, 200)))
	}
	r.out = append(r.out, ':')
}

func (r *renderer) list(open, end byte, each func(next func() bool)) {
	r.out = append(r.out, open)
	first := true
	each(func() bool {
		if !first {
			r.out = append(r.out, ',')
		}
		first = false
		if len(r.out) < r.max {
			return true
		}
		if open == '{' {
			r.out = append(r.out, `"…":`...)
		}
		r.out = append(r.out, `"…"`...)
		return false
	})
	r.out = append(r.out, end)
}

// ext renders an extension: its type by name, and what its constructor would have been given.
func (r *renderer) ext(v val, depth int) {
	x, ok := v.object()
	if !ok {
		code, payload := packExt(v.b)
		r.out = append(r.out, `{"$ext":`...)
		r.out = append(r.out, packNumber([]byte{0xd0, byte(code)})...)
		r.out = append(r.out, `,"base64":`...)
		r.out = append(r.out, renderBytes(payload, r.max-len(r.out))...)
		r.out = append(r.out, '}')
		return
	}
	r.out = append(r.out, `{"$type":`...)
	r.text(x.name())
	r.out = append(r.out, `,"value":`...)
	r.value(x.args, depth+1)
	r.out = append(r.out, '}')
}

func renderBytes(b []byte, max int) []byte {
	cut := ""
	if n := max * 3 / 4; len(b) > n {
		n = n / 3 * 3
		if n < 0 {
			n = 0
		}
		b, cut = b[:n], "…"
	}
	return []byte(`"` + base64.StdEncoding.EncodeToString(b) + cut + `"`)
}
