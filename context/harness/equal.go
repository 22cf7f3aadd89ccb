package harness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// decode reads one JSON value; numbers stay as they are written.
func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// Equal tells whether two JSON texts have one value: members in any order, numbers by value. What
// is no JSON is equal to nothing.
func Equal(a, b []byte) bool {
	x, err := decode(a)
	if err != nil {
		return false
	}
	y, err := decode(b)
	return err == nil && equal(x, y)
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && plainNumber(string(a)) == plainNumber(string(b))
	}
	return a == b
}

// plainNumber is one spelling for all spellings of a number: 1, 1.0 and 10e-1. It computes with
// the digits alone, since 1e999999999 has no other form that fits.
func plainNumber(s string) string {
	sign, rest := "", s
	if strings.HasPrefix(rest, "-") {
		sign, rest = "-", rest[1:]
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(rest), "e")
	whole, frac, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+frac, "0")
	if digits == "" {
		return "0"
	}
	var e int64
	if exponent != "" {
		if _, err := fmt.Sscanf(exponent, "%d", &e); err != nil || len(exponent) > 12 {
			return s // equal only where it is spelled alike
		}
	}
	short := strings.TrimRight(digits, "0")
	return fmt.Sprintf("%s%se%d", sign, short, e-int64(len(frac))+int64(len(digits)-len(short)))
}

// Digest is a short name for a content that must not be shown: the first 12 hex digits of the
// SHA-256 of a JSON value in one spelling, or of the bytes where they are no JSON.
func Digest(b []byte) string {
	if v, err := decode(b); err == nil {
		b = Encode(plain(v))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// plain is v with one spelling for numbers; objects are spelled in one order anyway.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plain(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	case json.Number:
		return []any{"number", plainNumber(string(v))}
	}
	return v
}

// Differ names the places at which two JSON values differ, as paths, with digests and never with
// the values: "order_id: want 9f86d081884c, got 60303ae22b99". At most eight.
func Differ(want, got []byte) []string {
	x, err := decode(want)
	if err != nil {
		return []string{"want: not JSON"}
	}
	y, err := decode(got)
	if err != nil {
		return []string{"got: not JSON"}
	}
	var out []string
	differ(&out, "", x, y)
	return out
}

// maxDiffers is how many differences are named.
const maxDiffers = 8

func differ(out *[]string, path string, want, got any) {
	if equal(want, got) {
		return
	}
	say := func(path, what string) {
		if path == "" {
			path = "whole"
		}
		if len(*out) < maxDiffers {
			*out = append(*out, path+": "+what)
		}
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		both := map[string]bool{}
		for k := range w {
			both[k] = true
		}
		for k := range g {
			both[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(both)) {
			at := strings.TrimPrefix(path+"."+Short(k), ".")
			wv, wanted := w[k]
			gv, there := g[k]
			switch {
			case !wanted:
				say(at, "not expected")
			case !there:
				say(at, "missing")
			default:
				differ(out, at, wv, gv)
			}
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			differ(out, fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
		}
		return
	}
	say(path, "want "+Digest(Encode(want))+", got "+Digest(Encode(got)))
}

// Short is a name as errors show it: one line of at most 64 characters.
func Short(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, name)
	if r := []rune(name); len(r) > 64 {
		return string(r[:63]) + "…"
	}
	return name
}
