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

	"github.com/exitramp/exitramp/internal/lazyre"
)

// secret names a member of a document that may open something; empty: none does. Tools write such members into
// their arguments, most with a placeholder. A document is looked at whole, whatever its length.
func (r *reading) secret(x *file) string {
	if x.looked {
		return x.leak
	}
	x.looked = true
	var look func(*bufio.Reader) (string, error)
	switch x.media() {
	case "application/json":
		look = leakInJSON
	case "application/yaml":
		look = leakInLines
	case "text/plain":
		if strings.ToLower(path.Ext(x.rel)) == ".toml" {
			look = leakInLines
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
	x.leak, _ = look(bufio.NewReaderSize(h, 64<<10))
	return x.leak
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
func isSet(value string) bool { return value != "" && !strings.HasPrefix(value, "<") }

// maxLook is how many bytes of a text are looked at as a name or as a value.
const maxLook = 256

// leakInJSON looks for "name": "value" in a text that is JSON, or nearly: Python's numbers do not stop it, nor how deep
// it is nested. Zero bytes are passed over, so that UTF-16 is read too.
func leakInJSON(r *bufio.Reader) (string, error) {
	last, key := "", "" // the text before, and the one before a colon
	for {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return "", err
		case c == 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == ':':
			key, last = last, ""
		case c == '"':
			if last, err = quoted(r); err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			if opens(key) && isSet(last) {
				return key, nil
			}
			key = ""
		default:
			last, key = "", ""
		}
	}
}

// quoted is a text of JSON behind its first quote, up to maxLook of it.
func quoted(r *bufio.Reader) (string, error) {
	raw := []byte{'"'}
	for {
		c, err := r.ReadByte()
		if err != nil {
			return unquoted(raw), err
		}
		if c == 0 {
			continue
		}
		if c == '"' {
			return unquoted(raw), nil
		}
		if len(raw) < maxLook {
			raw = append(raw, c)
		}
		if c == '\\' {
			for c, err = r.ReadByte(); err == nil && c == 0; {
				c, err = r.ReadByte()
			}
			if err != nil {
				return unquoted(raw), err
			}
			if len(raw) < maxLook {
				raw = append(raw, c)
			}
		}
	}
}

func unquoted(raw []byte) string {
	var s string
	if json.Unmarshal(append(slices.Clone(raw), '"'), &s) != nil {
		return string(raw[1:])
	}
	return s
}

// setting is a line of YAML or TOML that sets something.
var setting = lazyre.New(`^\s*(?:- *)?["']?([A-Za-z0-9_.-]+)["']?\s*[:=]\s*["']?([^"'\s#]*)`)

// leakInLines looks for lines that set something.
func leakInLines(r *bufio.Reader) (string, error) {
	for {
		line, err := r.ReadSlice('\n')
		if m := setting().FindSubmatch(bytes.ReplaceAll(line, []byte{0}, nil)); m != nil {
			name, value := string(m[1]), string(m[2])
			word := slices.Contains([]string{"null", "~", "none", "true", "false", "|", ">", "{}", "[]"}, strings.ToLower(value))
			if opens(name[strings.LastIndexByte(name, '.')+1:]) && isSet(value) && !word && !strings.HasPrefix(value, "$") && !strings.HasPrefix(value, "{") {
				return name, nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}
