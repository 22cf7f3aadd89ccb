package weights

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// secret names a member of a document that may open something; empty: none does. Tools write such members into
// their arguments, most with a placeholder. A document is looked at whole, whatever its length; of a
// model card the settings at its top.
func (r *reading) secret(x *file) string {
	if x.looked {
		return x.leak
	}
	x.looked = true
	var look func(*bufio.Reader) (string, error)
	switch x.media() {
	case "application/json", "application/x-ndjson":
		look = leakInJSON
	case "application/yaml":
		look = leakInLines
	case "text/plain":
		switch strings.ToLower(path.Ext(x.rel)) {
		case ".toml":
			look = leakInLines
		case ".md":
			look = leakInFront
		}
	}
	if look == nil {
		return ""
	}
	h, err := os.Open(x.path)
	if err != nil {
		return "" // it changed: that is found at the end
	}
	defer h.Close()
	x.leak, _ = look(asText(h))
	return x.leak
}

// asText is a text as UTF-8. JSON may be UTF-16, and begins with ASCII then, or with a mark. UTF-32 is read as UTF-16
// with a zero beside each character.
func asText(in io.Reader) *bufio.Reader {
	r := bufio.NewReaderSize(in, 64<<10)
	order := unicode.LittleEndian
	switch b, _ := r.Peek(2); {
	case len(b) < 2 || b[0] != 0 && b[1] != 0 && b[0] < 0xfe:
		return r
	case b[0] == 0:
		order = unicode.BigEndian
	}
	zero := runes.Remove(runes.Predicate(func(c rune) bool { return c == 0 }))
	wide := transform.Chain(unicode.UTF16(order, unicode.UseBOM).NewDecoder(), zero)
	return bufio.NewReaderSize(transform.NewReader(r, wide), 64<<10)
}

// opens tells whether a member of this name may hold what opens something.
func opens(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	switch name {
	case "hub_token", "push_to_hub_token", "hf_token", "use_auth_token", "access_token", "auth_token", "api_token", "bearer_token", "refresh_token",
		"apikey", "secret", "password", "authorization", "private_key", "secret_key", "access_key":
		return true
	}
	return slices.ContainsFunc([]string{"api_key", "_secret", "_password", "_secret_key", "_access_key", "_api_token"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// isSet tells whether a value is more than a placeholder.
func isSet(value []byte) bool { return len(value) > 0 && value[0] != '<' }

// maxLook is how many bytes of a text are looked at as a name or as a value.
const maxLook = 256

// leakInJSON looks for "name": "value" in a text that is JSON, or nearly: Python's numbers do not stop it, nor how deep
// it is nested. Of most texts no string is made: there are millions.
func leakInJSON(r *bufio.Reader) (string, error) {
	var last []byte // the text before, with its first quote
	key := ""       // the one before a colon, where it may open something
	for {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return "", err
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == ':':
			if key = ""; len(last) > 0 {
				if name := unquoted(last); opens(name) {
					key = name
				}
			}
			last = last[:0]
		case c == '"':
			if last, err = quoted(r, last[:0]); err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			if key != "" && isSet([]byte(unquoted(last))) { // some programs write < as an escape
				return key, nil
			}
			key = ""
		default:
			last, key = last[:0], ""
		}
	}
}

// quoted appends a text of JSON to raw, from its first quote up to maxLook of it; r stands behind that quote.
func quoted(r *bufio.Reader, raw []byte) ([]byte, error) {
	raw = append(raw, '"')
	for escaped := false; ; {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return raw, err
		case c == '"' && !escaped:
			return raw, nil
		case len(raw) < maxLook:
			raw = append(raw, c)
		}
		escaped = c == '\\' && !escaped
	}
}

func unquoted(raw []byte) string {
	var s string
	if bytes.IndexByte(raw, '\\') < 0 || json.Unmarshal(append(slices.Clone(raw), '"'), &s) != nil {
		return string(raw[1:])
	}
	return s
}

// setting is what sets something in a line of YAML or TOML: at its start, or in braces.
var setting = lazyre.New(`(?:^\s*(?:- *)*|[{,]\s*)["']?([A-Za-z0-9_.-]+)["']?\s*[:=]\s*(?:"([^"]*)|'([^']*)|([^"'\s#,{}\[\]]*))`)

// alone is a name of YAML whose value, if it has one, stands in the lines below.
var alone = lazyre.New(`^(\s*(?:- *)*)["']?([A-Za-z0-9_.-]+)["']?\s*:\s*(?:#.*)?$`)

// scalar is a line that is a value of YAML, and no list, no mapping and no name with a value of its own.
var scalar = lazyre.New(`^(\s*)(?:"([^"]*)|'([^']*)|([^"'\s#,{}\[\]|>:-][^\s#:]*)\s*(?:#.*)?$)`)

// gives tells whether a name that may open something has a value: in quotes, or bare, where some words are none.
func gives(name string, quoted []byte, bare string) bool {
	word := slices.Contains([]string{"null", "~", "none", "true", "false"}, strings.ToLower(bare))
	value := append(slices.Clip(quoted), bare...)
	return opens(name[strings.LastIndexByte(name, '.')+1:]) && isSet(value) && !word && value[0] != '$' && value[0] != '{'
}

// leakInLines looks for lines that set something, or for two of them. Those that are comments do not.
func leakInLines(r *bufio.Reader) (string, error) {
	var line []byte // with the end of the part before, where it is longer than the buffer
	begins, comment := true, false
	above, indent := "", 0 // the name that the line before is alone
	for {
		part, err := r.ReadSlice('\n')
		if begins {
			comment = bytes.HasPrefix(bytes.TrimLeft(part, " \t"), []byte("#"))
		}
		if begins = err == nil; !comment {
			line = append(line, part...)
		}
		for _, m := range setting().FindAllSubmatch(line, -1) {
			if name := string(m[1]); gives(name, slices.Concat(m[2], m[3]), string(m[4])) {
				return name, nil
			}
		}
		if text := bytes.TrimRight(line, " \t\r\n"); len(text) > 0 {
			if m := scalar().FindSubmatch(text); above != "" && m != nil && len(m[1]) > indent && gives(above, slices.Concat(m[2], m[3]), string(m[4])) {
				return above, nil
			}
			if above = ""; err == nil {
				if m := alone().FindSubmatch(text); m != nil {
					above, indent = string(m[2]), len(m[1])
				}
			}
		}
		switch {
		case err == nil:
			line = line[:0]
		case errors.Is(err, bufio.ErrBufferFull):
			line = append(line[:0], line[max(0, len(line)-maxLook):]...)
		case errors.Is(err, io.EOF):
			return "", nil
		default:
			return "", err
		}
	}
}

// leakInFront looks at the YAML that a model card begins with. What is behind it is prose, which quotes settings.
func leakInFront(r *bufio.Reader) (string, error) {
	var front []byte
	begins := true // else it is the rest of a line that is longer than the buffer
	for begun := false; len(front) < maxDocument; begun = true {
		line, err := r.ReadSlice('\n')
		for !begun && err == nil && len(bytes.TrimSpace(line)) == 0 { // the hub passes them over
			line, err = r.ReadSlice('\n')
		}
		fence := bytes.TrimRight(line, "\r\n")
		if !begun { // what ends it stands alone: with a space at its side it may be a value
			fence = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		}
		if (begins && string(fence) == "---") == begun {
			break
		}
		begins = err == nil
		if front = append(front, line...); errors.Is(err, io.EOF) {
			break
		} else if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	return leakInLines(bufio.NewReader(bytes.NewReader(front)))
}
