package cassette

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// repeated is why what a model gave is not kept where the request's own key is in it.
const repeated = "answers that repeat the key of the request"

// minCredential is how long a credential is at least. Programs give models without keys short words ("none").
const minCredential = 8

// credentials are the values of a request that open the model: an upstream may say them again. A scheme before
// them ("Bearer") is no part of them.
func credentials(req *http.Request) []string {
	var out []string
	add := func(s string) {
		if len(s) >= minCredential && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	opens := func(name string, values []string) {
		name = strings.ToLower(name)
		if name == "idempotency-key" || !slices.ContainsFunc([]string{"auth", "cookie", "key", "secret", "token"}, func(s string) bool { return strings.Contains(name, s) }) {
			return
		}
		for _, v := range values {
			words := strings.Fields(v)
			if len(words) == 0 {
				continue
			}
			last := words[len(words)-1]
			add(v)
			add(last)
			if strings.EqualFold(words[0], "basic") {
				plain, _ := base64.StdEncoding.DecodeString(last)
				_, password, _ := strings.Cut(string(plain), ":")
				add(password)
			}
		}
	}
	for name, values := range req.Header {
		opens(name, values)
	}
	for name, values := range req.URL.Query() {
		opens(name, values)
	}
	return out
}

// repeats tells whether one of the request's credentials is in b, as it is or as JSON spells it.
func (p *pending) repeats(b []byte) bool {
	if len(p.credentials) == 0 {
		return false
	}
	plain := b
	if bytes.IndexByte(b, '\\') >= 0 {
		plain = unescaped(b)
	}
	return slices.ContainsFunc(p.credentials, func(s string) bool {
		return bytes.Contains(b, []byte(s)) || bytes.Contains(plain, []byte(s))
	})
}

// repeatsInPieces tells whether the events of b spell one of the request's credentials one after the other, in a
// member that each of them has some of: a text, or the arguments of a call.
func (p *pending) repeatsInPieces(b []byte) bool {
	if len(p.credentials) == 0 {
		return false
	}
	spelled := map[string][]byte{} // by member
	rest := []byte(nil)            // of a member of an event that broke off
	for _, e := range parseEvents(b) {
		var v any
		if json.Unmarshal(e.data, &v) == nil {
			pieces(spelled, e.name, v)
		} else {
			cut := bytes.TrimSuffix(bytes.TrimRight(e.data, "]}"), []byte{'"'})
			rest = unescaped(cut[bytes.LastIndexByte(cut, '"')+1:])
		}
	}
	for _, s := range spelled {
		if p.repeats(append(s, rest...)) {
			return true
		}
	}
	return false
}

// pieces adds the texts in v, each to its member. Choices, items and calls are told apart by the number that they give.
func pieces(to map[string][]byte, at string, v any) {
	switch v := v.(type) {
	case string:
		to[at] = append(to[at], v...)
	case []any:
		for i, x := range v {
			place := strconv.Itoa(i)
			if m, ok := x.(map[string]any); ok && m["index"] != nil {
				place = fmt.Sprint(m["index"])
			}
			pieces(to, at+"."+place, x)
		}
	case map[string]any:
		for _, n := range []string{"output_index", "content_index", "index"} {
			if v[n] != nil {
				at += fmt.Sprint(".", v[n])
			}
		}
		for name, x := range v {
			pieces(to, at+"."+name, x)
		}
	}
}

// unescaped is b with what JSON writes as \u002b or \/ as it reads; b need not be JSON as a whole.
func unescaped(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		c := b[i]
		if c == 'u' && i+4 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+5]), 16, 7); err == nil {
				c = byte(n)
				i += 4
			}
		}
		out = append(out, c)
	}
	return out
}
