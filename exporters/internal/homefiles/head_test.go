package homefiles

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestRedactHead: what is a secret goes, and no other byte.
func TestRedactHead(t *testing.T) {
	const in = "---\nname: rev\ndescription: \"Reviews: code\" # TOKEN=x\nmcpServers:\n  - gh:\n      command: node\n" +
		"      args: [x.js, --api-key, abc-SECRET, \"--token=SECRET, é\"] # note\n      env:\n        É_TOKEN: ghp_SECRET\n        OTHER: 'it''s SECRET'   # why\n        NO: 5\n        EMPTY: \"\"\n" +
		"  - slack\n  - {web: {type: http, url: \"https://u:SECRET@h/x\", headers: {X-Key: SECRET}}}\nhooks:\n  Stop: [{command: \"curl -H 'Authorization: Bearer SECRET99'\"}]\n---\nKeep SECRET here.\n"
	const want = "---\nname: rev\ndescription: \"Reviews: code\" # TOKEN=x\nmcpServers:\n  - gh:\n      command: node\n" +
		"      args: [x.js, --api-key, \"\", \"\"] # note\n      env:\n        É_TOKEN: \"\"\n        OTHER: \"\"   # why\n        NO: \"\"\n        EMPTY: \"\"\n" +
		"  - slack\n  - {web: {type: http, url: \"\", headers: {X-Key: \"\"}}}\nhooks:\n  Stop: [{command: \"\"}]\n---\nKeep SECRET here.\n"
	out, secrets, err := RedactHead([]byte(in))
	if d := cmp.Diff(want, string(out)); d != "" || err != nil {
		t.Error(err, d)
	}
	if len(secrets) != 8 || secrets[2] != (Secret{"mcpServers.gh.env.É_TOKEN", "É_TOKEN"}) {
		t.Errorf("%+v", secrets)
	}
	crlf := strings.ReplaceAll(in, "\n", "\r\n")
	if out, _, err = RedactHead([]byte("\ufeff" + crlf)); err != nil || string(out) != "\ufeff"+strings.ReplaceAll(want, "\n", "\r\n") {
		t.Errorf("%v %q", err, out)
	}
	if again, secrets, err := RedactHead([]byte(want)); err != nil || len(secrets) > 0 || string(again) != want {
		t.Errorf("a second time: %v %v\n%s", err, secrets, again)
	}
}

// TestRedactHeadLeaves: what names no program is carried as it is.
func TestRedactHeadLeaves(t *testing.T) {
	for _, in := range []string{"", "no head, token: x\n", "---\nname: a: b\n---\nmcpServers: {env: {A: SECRET}}\n", "---\ndescription: use --token=abc\n---\n"} {
		if out, secrets, err := RedactHead([]byte(in)); err != nil || len(secrets) > 0 || string(out) != in {
			t.Errorf("%q: %q %v %v", in, out, secrets, err)
		}
	}
}

// TestRedactHeadRefuses: where a secret cannot be told from the rest, the file stays.
func TestRedactHeadRefuses(t *testing.T) {
	for _, in := range []string{
		"---\nname: a: b\nmcpServers:\n  x: {env: {A: SECRET}}\n---\n",
		"---\nmcpServers:\n  x:\n    env:\n      A: |\n        SECRET\n---\n",
		"---\nmcpServers:\n  x:\n    env:\n      A: SECRET\n        more\n---\n",
		"---\nbase: &b {A: SECRET}\nmcpServers: {x: {env: *b}, y: {env: {<<: *b}}}\nd: &e SECRET\nhooks: {env: [*e]}\n---\n",
		"---\nmcpServers: [\n---\n",
		"---\nname: a\n...\n--- {mcpServers: {x: {env: {A: SECRET}}}}\n---\n",
	} {
		if out, _, err := RedactHead([]byte(in)); err == nil && bytes.Contains(out, []byte("SECRET")) {
			t.Errorf("%q: %q", in, out)
		}
	}
}

// TestRedactHeadTools: a definition with a secret among its tools stays, also where its head is no YAML.
func TestRedactHeadTools(t *testing.T) {
	for in, secret := range map[string]bool{
		"allowed-tools: Bash(mysql -u root -pabc *), Read":                      true,
		"description: a: b\nallowed-tools:\n  - Bash(curl -H \"X-Key: abc\" *)": true,
		"\"tools\": [\"Bash(SHOP_TOKEN=abc run)\"]\nname: x":                    true,
		"disallowedTools:\n- Bash(x --token abc)":                               true,
		"allowed-tools: Bash(mysql -p *), Bash(mysql --password *), Bash(gh auth token:*), Bash(npm run auth:*)\ndescription: use --token=abc": false,
		"allowed-tools: Bash(mysql -p123)\nname: x":                                                              true,
		"allowed-tools: Bash(mysql -e 'count(*)' -pabc *)":                                                       true,
		"allowed-tools: Bash(mongosh *), Bash(mkdir -p build)":                                                   false,
		"tools:\n  - Bash(docker login *)\n  - Bash(docker run -p 80:80 *)\n  - Bash(redis-cli *) Bash(ls -a x)": false,
		"description: a: b\nallowed-tools: Bash(git add:*), Bash(docker run -p 80:80 *)":                         false,
	} {
		if _, _, err := RedactHead([]byte("---\n" + in + "\n---\nBody.\n")); (err != nil) != secret {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzRedactHead(f *testing.F) {
	f.Add([]byte("---\nmcpServers:\n  - gh:\n      env:\n        A: 'x y' # z\n---\nbody"))
	f.Add([]byte("---\nenv: {A: \"b\", C: [d, e]}\nhooks: &x {k: *x}\n---\n"))
	f.Add([]byte("---\r\nmcpServers: {a: {env: {b: é}}}\r\n---\r\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		for k, v := range Front(doc) {
			if !utf8.ValidString(v) {
				t.Fatalf("%q: %q", k, v)
			}
		}
		out, _, err := RedactHead(doc)
		if err != nil {
			return
		}
		again, secrets, err := RedactHead(out)
		if err != nil || len(secrets) > 0 || !bytes.Equal(again, out) {
			t.Fatalf("%q becomes %q, and then %q: %v %v", doc, out, again, secrets, err)
		}
	})
}

// TestFront: what people write into heads.
func TestFront(t *testing.T) {
	for in, want := range map[string]map[string]string{
		"---\nname: rye\ndescription: bakes\n---\nx":                         {"name": "rye", "description": "bakes"},
		"---\nname: rye\ndescription: >-\n  bakes\n  rye: all\n---\n":        {"name": "rye", "description": "bakes rye: all"},
		"---\ndescription: |\n  Use it when\n  - rye\ntools: [a]\n---\n":     {"description": "Use it when\n- rye"},
		"\ufeff---\r\nname: \"r\u00e9\"\r\ndescription: 'it''s'\r\n---\r\nx": {"name": "ré", "description": "it's"},
		"---\nname: rye\ndescription: Use when: rye\n---\n":                  {"name": "rye", "description": "Use when: rye"},
		"---\nname: ~\nn: 7\n---\n":                                          {"n": "7"},
		"---\nname: rye\n":                                                   {}, "name: rye\n": {}, "": {}, "---\n---\n": {},
	} {
		if d := cmp.Diff(want, Front([]byte(in))); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}
