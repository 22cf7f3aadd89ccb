package homefiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// A Secret is one value that was taken out of a document of settings.
type Secret struct{ Path, Name string }

// patterns of secrets. It takes out too much rather than too little.
var (
	secretName   = lazyre.New(`(?i)(token|secret|passw|pwd$|passphrase|(api|private|access|signing|encryption|subscription|master)_?-?key|authorization|credential|cookie|bearer|(^|[_-])pat$)`)
	secretNumber = lazyre.New(`(?i)(token|secret|passw(or)?d|pwd|passphrase|key|authorization|credentials?|cookie|bearer|(^|[_-])pat)$`)
	secretText   = lazyre.New(`(?i)://[^/\s"'@]*:[^/\s"'@]*@` + // a URL with a password
		`|[?&][^=&\s]*(token|secret|passw|key|sig|auth)[^=&\s]*=[^&\s]` +
		`|\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}` +
		`|(^|\s)--?([a-z0-9]+[_-])*(token|secret|password|passwd|passphrase|pat|jwt|(api|private|access)?-?key|auth|authorization|cookie|credentials?)([_-][a-z0-9]+)*[=\s]\s*\S` +
		`|(^|\s)(-u|--user|--proxy-user)[=\s]\s*["']?[^\s:/]*[a-z][^\s:/]*:[^\s/]` + // of curl
		`|(^|\s)(-h|--headers?)[=\s]\s*\\?["']?[a-z0-9-]*(token|secret|key|auth|cookie)[a-z0-9-]*\s*:\s*\S` + // of curl, in one text
		`|(?-i:\b[A-Z0-9_]*(_KEY|_PASS|PASSWD|_PWD|_PAT|_AUTH|PASSPHRASE|CREDENTIALS?)=\S)` +
		`|\bhttps?://[^/\s"'@:]{16,}@` + // a token as the user
		`|://hooks\.slack\.com/\S|://(\w+\.)?discord(app)?\.com/api/webhooks/\S` +
		`|\b[a-z0-9_]*(token|secret|password|api_?key)[a-z0-9_]*=\S` +
		`|\b((mysql|mariadb)[a-z-]*\s([^|;&]*\s)?(?-i:-p)` + // short flags that have a password in these programs alone
		`|((mongo[a-z]*|sshpass|cqlsh|(docker|podman|oc|az)\s+login)\s([^|;&]*\s)?(?-i:-p)|redis-cli\s([^|;&]*\s)?(?-i:-a)|sqlcmd\s([^|;&]*\s)?(?-i:-P))\s*)["']?([^\s:*"'$()0-9-]|[0-9.]+(:?[^\s:*"'$(){0-9.]|[^:0-9.]|$))` + // two numbers with a colon are ports
		`|["'][a-z0-9_-]*(token|secret|passw(or)?d|passphrase|api[_-]?key|authorization)\\*["']\s*:\s*\\*["'][^\s"'\\$<{]` + // of JSON, as a command sends it
		`|\b(sk-[a-z0-9_-]{16,}|gh[pousr]_[a-z0-9]{20,}|xox[a-z]-[a-z0-9-]{10,}|xapp-[a-z0-9-]{10,}|(?-i:A[KS]IA[A-Z0-9]{16})|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[a-z0-9]{20,}` +
		`|npm_[a-z0-9]{30,}|[srp]k_(live|test)_[a-z0-9]{10,}|whsec_\S{16,}|aiza[\w-]{30,}|gsk_\w{20,}|tvly-[\w-]{16,}|lin_api_\w{20,}|ntn_\w{20,}|eyj[\w-]{10,}\.eyj[\w-]{10,}[\w.-]*)\b|-----begin [a-z ]*private key`)
	secretFlag = lazyre.New(`(?i)^(-h|--?([a-z0-9]+[_-])*(token|secret|password|passwd|passphrase|pat|jwt|(api|private|access)?-?key|auth|authorization|cookie|credentials?|headers?)([_-][a-z0-9]+)*)$`)
	secretUser = lazyre.New(`(?i)^(-u|--user|--proxy-user)$`)
	userAndKey = lazyre.New(`(?i)^[^\s:/]*[a-z][^\s:/]*:[^\s/]`)
	// Addresses of MCP servers have the key in their path, as one long word or a UUID.
	inPath = lazyre.New(`(?i)^https?://[^/?#]+/([^?#]*/)?([a-z0-9_]{20,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[^/?#]*(/|[?#]|$)`)
	digit  = lazyre.New(`[0-9]`)
	// Names of variables that hold a secret are none themselves, nor is the kind of store that has them.
	variable = lazyre.New(`(?i)(^|_)env(_|$)|_var$|_store$`)
)

// bom is what some editors of Windows write before a text.
const bom = "\ufeff"

// JSON is a document without a byte order mark, which the programs take.
func JSON(doc []byte) []byte { return bytes.TrimPrefix(doc, []byte(bom)) }

// maxNest is how deep values are looked for: settings of real homes have a few levels, and each text is
// judged by all the names above it.
const maxNest = 200

// hides tells whether the text at a path of names is a secret. before is the element that stands
// before it in a list.
func hides(names []string, text, before string) bool {
	if text == "" {
		return false
	}
	for i, n := range names {
		headers := strings.HasSuffix(strings.ToLower(n), "headers") && !variable().MatchString(n)
		if n == "env" || headers || n == "set" && i > 0 && names[i-1] == "shell_environment_policy" || n == "mcpServers" && i == 2 && names[0] == "pluginConfigs" {
			return true
		}
	}
	last := ""
	if len(names) > 0 {
		last = names[len(names)-1]
	}
	if strings.HasSuffix(strings.ToLower(last), "headershelper") && strings.Contains(strings.ReplaceAll(text, "${", ""), "{") { // a command that has the headers in it, as JSON
		return true
	}
	if n := len(names); n > 1 && names[n-2] == "query_params" && secretText().MatchString("?"+url.QueryEscape(last)+"="+url.QueryEscape(text)) { // as in an address
		return true
	}
	return secretName().MatchString(last) && !variable().MatchString(last) || secretText().MatchString(text) || secretFlag().MatchString(before) ||
		secretUser().MatchString(before) && userAndKey().MatchString(text) || last == "url" && keyInPath(text)
}

// hidesNumber tells whether the number at a path of names is a secret: its name ends as one. Limits are
// called max_tokens, cookie_max_age, passwordMinLength.
func hidesNumber(names []string, number string) bool {
	if last := len(names) - 1; last >= 0 && !secretNumber().MatchString(names[last]) {
		names = append(slices.Clone(names[:last]), "")
	}
	return hides(names, number, "")
}

// keyInPath tells whether a long word with digits stands in the path of an address.
func keyInPath(address string) bool {
	m := inPath().FindStringSubmatch(address)
	return m != nil && digit().MatchString(m[2])
}

// RedactJSON takes secrets out of a JSON document and leaves every other byte as it is: values below
// "env" and "headers", values with the name of a secret or the look of one.
func RedactJSON(doc []byte) (out []byte, secrets []Secret, err error) {
	if rest, ok := bytes.CutPrefix(doc, []byte(bom)); ok {
		out, secrets, err = RedactJSON(rest)
		return slices.Concat([]byte(bom), out), secrets, err
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	type frame struct {
		object, key  bool
		name, before string
	}
	var stack []frame
	last := 0
	path := func() (names []string) {
		for _, f := range stack {
			if f.object {
				names = append(names, f.name)
			}
		}
		return names
	}
	for {
		before := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			if len(stack) == 0 && before > 0 {
				return append(out, doc[last:]...), secrets, nil
			}
			return nil, nil, fmt.Errorf("not JSON at byte %d", before)
		}
		top := len(stack) - 1
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				if len(stack) == maxNest {
					return nil, nil, fmt.Errorf("at byte %d it is nested deeper than %d levels", before, maxNest)
				}
				if top >= 0 {
					stack[top].key = true
				}
				stack = append(stack, frame{object: v == '{', key: v == '{'})
			} else {
				stack = stack[:top]
			}
			continue
		case string:
			if top >= 0 && stack[top].object && stack[top].key {
				stack[top].name, stack[top].key = v, false
				continue
			}
		}
		if top < 0 {
			continue
		}
		s, _ := t.(string)
		names := path()
		hide := hides(names, s, stack[top].before)
		number, isNumber := t.(json.Number)
		if isNumber {
			hide = hidesNumber(names, number.String())
		}
		stack[top].key, stack[top].before = true, s
		if stack[top].object {
			stack[top].before = ""
		}
		if !hide {
			continue
		}
		start := int(before) + bytes.IndexByte(doc[before:], '"')
		if isNumber {
			start = int(d.InputOffset()) - len(number)
		}
		out = append(append(out, doc[last:start]...), `""`...)
		last = int(d.InputOffset())
		secrets = append(secrets, secretAt(names))
	}
}

func secretAt(names []string) Secret {
	if len(names) == 0 {
		return Secret{}
	}
	return Secret{strings.Join(names, "."), names[len(names)-1]}
}
