package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/internal/plainjson"
)

// maxJSONDepth is how deep manifest.json may nest.
const maxJSONDepth = 32

// object is a JSON object that was read strictly. Its methods take members out; what is left
// over at the end is unknown.
type object struct {
	m    map[string]any
	path string
	err  *error // the first finding, shared with the objects inside
}

// parseJSON reads one JSON object: valid UTF-8, no key twice in any letter case, nothing after it.
func parseJSON(b []byte) (*object, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not valid UTF-8")
	}
	d := plainjson.NewTokens(b)
	v, err := strictValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("bytes after the end")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return &object{m: m, err: new(error)}, nil
}

func strictValue(d *plainjson.Tokens, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxJSONDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, plainjson.Words(err)
	}
	switch t {
	case json.Delim('{'):
		m, seen := map[string]any{}, map[string]bool{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, plainjson.Words(err)
			}
			key := k.(string) // the decoder gives nothing else in this place
			lower := strings.ToLower(key)
			if seen[lower] {
				return nil, fmt.Errorf("key %q twice", key)
			}
			seen[lower] = true
			if m[key], err = strictValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return m, plainjson.Words(err)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := strictValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, plainjson.Words(err)
	}
	return t, nil
}

func (o *object) fail(key, finding string) {
	if *o.err == nil {
		*o.err = fmt.Errorf("%s%s: %s", o.path, key, finding)
	}
}

func (o *object) take(key string) any {
	v, ok := o.m[key]
	if !ok {
		o.fail(key, "missing")
	}
	delete(o.m, key)
	return v
}

func (o *object) text(key string) string { return o.textOf(key, 4096) }

// textOf is a string of at most max bytes.
func (o *object) textOf(key string, max int) string {
	s, ok := o.take(key).(string)
	if !ok {
		o.fail(key, "not a string")
	}
	if len(s) > max {
		o.fail(key, fmt.Sprintf("longer than %d bytes", max))
		return ""
	}
	return s
}

// hex is a string of n lower-case hexadecimal digits.
func (o *object) hex(key string, n int) string {
	s := o.text(key)
	if !isHex(s, n) {
		o.fail(key, fmt.Sprintf("not %d lower-case hexadecimal digits", n))
	}
	return s
}

func (o *object) number(key string) uint64 {
	s, _ := o.take(key).(json.Number)
	n, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != string(s) {
		o.fail(key, "not a whole number of 64 bits")
	}
	return n
}

func (o *object) list(key string) []any {
	l, ok := o.take(key).([]any)
	if !ok {
		o.fail(key, "not a list")
	}
	return l
}

func (o *object) object(key string) *object {
	m, ok := o.take(key).(map[string]any)
	if !ok {
		o.fail(key, "not an object")
	}
	return &object{m: m, path: o.path + key + ".", err: o.err}
}

// end fails for keys that nobody took.
func (o *object) end() {
	for k := range o.m {
		o.fail(k, "unknown key; only ext may hold more")
	}
}
