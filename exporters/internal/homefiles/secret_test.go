package homefiles

import (
	"strings"
	"testing"
)

func paths(secrets []Secret) string {
	var out []string
	for _, s := range secrets {
		out = append(out, s.Path)
	}
	return strings.Join(out, " ")
}

func TestRedactJSON(t *testing.T) {
	for _, c := range []struct{ in, want, paths string }{
		{`{"env": {"A": "x", "B": ""}, "n": [1, 2.50]}`, `{"env": {"A": "", "B": ""}, "n": [1, 2.50]}`, "env.A"},
		{`{"a":{"headers":{"X":["p","q"]}},"apiKey":"k","max_token_count":5}`, `{"a":{"headers":{"X":["",""]}},"apiKey":"","max_token_count":5}`, "a.headers.X a.headers.X apiKey"},
		{`{"url":"https://u:p@h/x","plain":"https://h/a@b"}`, `{"url":"","plain":"https://h/a@b"}`, "url"},
		{`{"env":{"deep":{"x":"y"}},"é":"\u0041"}`, `{"env":{"deep":{"x":""}},"é":"\u0041"}`, "env.deep.x"},
		{`{"args":["-y","--api-key","k","--port","1","--token=t"]}`, `{"args":["-y","--api-key","","--port","1",""]}`, "args args"},
		{`{"url":"https://h/sse?api_key=k","command":"curl -H 'Authorization: Bearer abcdef' x","c":"FOO_TOKEN=x run"}`, `{"url":"","command":"","c":""}`, "url command c"},
		{`{"permissions":{"allow":["Bash(git log:*)","Read(/a/b)","WebFetch(domain:example.org)"]}}`, `{"permissions":{"allow":["Bash(git log:*)","Read(/a/b)","WebFetch(domain:example.org)"]}}`, ""},
		{`{"a":["Bash(git commit --author me:*)","-H","x: y","--no-auth","z"],"b":"run --author me"}`, `{"a":["Bash(git commit --author me:*)","-H","","--no-auth",""],"b":"run --author me"}`, "a a"},
		{`{"x":"sk-ant-0123456789abcdef"}`, `{"x":""}`, "x"},
		{`{"a":["--key=k","--pat","p","--keymap=vim","--user","me:p","-u","1000:1000"],"b":"curl -u me:pw https://h","c":"docker run -u 1000:1000 x","d":"sort --key 2"}`,
			`{"a":["","--pat","","--keymap=vim","--user","","-u","1000:1000"],"b":"","c":"docker run -u 1000:1000 x","d":""}`, "a a a b d"},
		{`{"url":"https://mcp.h/api/mcp/s/OTAxNzk4ZmYtZDY0Zi00/mcp"}`, `{"url":""}`, "url"},
		{`{"url":"https://mcp.h/7d444840-9dc0-11d1-b245-5ffdce74fad2/slack"}`, `{"url":""}`, "url"},
		{`{"url":"https://mcp.h/a_very_long_name_without_numbers/mcp","base_url":"https://h/0123456789abcdef0123456789abcdef/x"}`, `{"url":"https://mcp.h/a_very_long_name_without_numbers/mcp","base_url":"https://h/0123456789abcdef0123456789abcdef/x"}`, ""},
		{"\ufeff" + `{"env":{"PIN":1234, "N":-1.5e3,"T":true},"max_tokens":5,"password": 77 }`, "\ufeff" + `{"env":{"PIN":"", "N":"","T":true},"max_tokens":5,"password": "" }`, "env.PIN env.N password"},
		{`{"cookie_max_age":3600,"passwordMinLength":12,"secretRotationDays":30,"maxTokens":5,"access_token":12345678,"env":{"X_TOKEN":1}}`,
			`{"cookie_max_age":3600,"passwordMinLength":12,"secretRotationDays":30,"maxTokens":5,"access_token":"","env":{"X_TOKEN":""}}`, "access_token env.X_TOKEN"},
		{`{"a":["curl -H 'X-Api-Key: abc' h","DB_PASS=x run","export STRIPE_KEY=x; y","https://0123456789abcdefgh@h/x","ssh://git@h/x","Bash(npm run auth:*)","sort_key=x","make KEY=x"]}`,
			`{"a":["","","","","ssh://git@h/x","Bash(npm run auth:*)","sort_key=x","make KEY=x"]}`, "a a a a"},
		{`{"a":["AIzaSyA0123456789abcdefghijklmnopqrstuv","github_pat_0123456789abcdefghijkl","glpat-0123456789abcdefghij","sk_live_0123456789ab","eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln","hf_0123456789abcdefghij"],"accessKey":"k","gh_pat":"p","passphrase":"p","pattern":"x","patch":"y"}`,
			`{"a":["","","","","",""],"accessKey":"","gh_pat":"","passphrase":"","pattern":"x","patch":"y"}`, "a a a a a a accessKey gh_pat passphrase"},
		{`{"maxHeaders":9,"cookieTimeout":30,"passwordMinLength":8,"credentials":{"max_tokens":5,"port":1},"headers":{"X-N":5,"max":[6]},"admin_password":7,"x":["asiapacificsoutheast","ASIA0123456789ABCDEF"]}`,
			`{"maxHeaders":9,"cookieTimeout":30,"passwordMinLength":8,"credentials":{"max_tokens":5,"port":1},"headers":{"X-N":"","max":[""]},"admin_password":"","x":["asiapacificsoutheast",""]}`, "headers.X-N headers.max admin_password x"},
		{`{"a":["curl -d '{\"user\": \"u\", \"password\": \"p\"}' h","sh -c \"curl -d '{\\\"api_key\\\":\\\"k\\\"}'\"","curl -d '{\"token\":\"$T\"}' h","{'X-Api-Key': 'k'}","{\"tokens\": \"5\"}"]}`,
			`{"a":["","","curl -d '{\"token\":\"$T\"}' h","","{\"tokens\": \"5\"}"]}`, "a a a"},
		{`{"a":["Bash(mysql -u root -pabc *)","mysqldump -proot x | gzip","sshpass -p abc ssh h","mongosh -u x -p abc","redis-cli -h h -a abc ping","docker login -u x -p abc r","sqlcmd -S h -U sa -P abc"]}`,
			`{"a":["","","","","","",""]}`, "a a a a a a a"},
		{`{"a":["Bash(mysql -p *)","mysql -p","mysql -P 3306 x","mysql --protocol tcp","mysql -p\"$PW\"","docker run -p 80:80 mysql","mysql x; mkdir -p a","redis-cli -A x","cc -pthread","docker login --password-stdin"]}`,
			`{"a":["Bash(mysql -p *)","mysql -p","mysql -P 3306 x","mysql --protocol tcp","mysql -p\"$PW\"","docker run -p 80:80 mysql","mysql x; mkdir -p a","redis-cli -A x","cc -pthread","docker login --password-stdin"]}`, ""},
		{`{"a":["docker run --name mongo -p 27017:27017 mongo","docker run --name mongo -p 127.0.0.1:27017:27017 mongo","docker run --name mysql -p3306:3306 mysql","docker run --name mongo -p 80:$P mongo","Bash(ssh -p 22 *)","cp -p a b","psql -p 5432"]}`,
			`{"a":["docker run --name mongo -p 27017:27017 mongo","docker run --name mongo -p 127.0.0.1:27017:27017 mongo","docker run --name mysql -p3306:3306 mysql","docker run --name mongo -p 80:$P mongo","Bash(ssh -p 22 *)","cp -p a b","psql -p 5432"]}`, ""},
		{`{"a":["mongosh -u x -p 1234","mongosh -p 12:ab","mysql -p12ab *"]}`, `{"a":["","",""]}`, "a a a"},
		{`{"headersHelper":"echo '{\"X-A\": \"abc\"}'","otelHeadersHelper":"${CLAUDE_PLUGIN_ROOT}/headers.sh {}","x":{"headersHelper":"${HOME}/headers.sh -v"}}`, `{"headersHelper":"","otelHeadersHelper":"","x":{"headersHelper":"${HOME}/headers.sh -v"}}`, "headersHelper otelHeadersHelper"},
		{`{"pluginConfigs":{"a@b":{"options":{"mode":"fast"},"mcpServers":{"s":{"pin":"abc","n":5,"l":["x"]}}}},"mcpServers":{"s":{"command":"c"}}}`,
			`{"pluginConfigs":{"a@b":{"options":{"mode":"fast"},"mcpServers":{"s":{"pin":"","n":"","l":[""]}}}},"mcpServers":{"s":{"command":"c"}}}`, "pluginConfigs.a@b.mcpServers.s.pin pluginConfigs.a@b.mcpServers.s.n pluginConfigs.a@b.mcpServers.s.l"},
		{`{"w":"https://hooks.slack.com/services/T0/B0/x"}`, `{"w":""}`, "w"},
	} {
		out, secrets, err := RedactJSON([]byte(c.in))
		if err != nil || string(out) != c.want || paths(secrets) != c.paths {
			t.Errorf("%s: %s %v %v", c.in, out, paths(secrets), err)
		}
	}
	for _, bad := range []string{"", "{", `{"a":}`, "x", strings.Repeat(`{"a":`, maxNest+1) + "1" + strings.Repeat("}", maxNest+1)} {
		if _, _, err := RedactJSON([]byte(bad)); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestRedactRules(t *testing.T) {
	for _, c := range []struct{ in, want, paths string }{
		{`prefix_rule(pattern=["git", ["push", "pull"]], decision="allow") # why`, `prefix_rule(pattern=["git", ["push", "pull"]], decision="allow") # why`, ""},
		{"\nprefix_rule(pattern=[\"curl\", \"-H\", \"X-Any: k\", 'https://h'], decision='allow')\r\n", "\nprefix_rule(pattern=[\"curl\", \"-H\", \"\", 'https://h'], decision='allow')\r\n", "line 2"},
		{`p(["git", "clone", "https://u:p@h"], ["--token"], ["x"])`, `p(["git", "clone", ""], ["--token"], ["x"])`, "line 1"},
		{`p(["--token", "k"], match=["x --token k", 'it\'s', "X_TOKEN=k"])`, `p(["--token", ""], match=["", 'it\'s', ""])`, "line 1 line 1 line 1"},
		{"# curl -H 'Authorization: Bearer abcdef'\nx = \"\"\"a\nFOO_TOKEN=k\"\"\"\n", "#\nx = \"\"\n", "line 2"},
		{`p(["curl", "--token", r"k", "x"])`, `p(["curl", "--token", r"", "x"])`, "line 1"},
		{`p(["curl", "-u", ["me:k", "you:k"], ["a:b", "c"]], x="d:e")`, `p(["curl", "-u", ["", ""], ["a:b", "c"]], x="d:e")`, "line 1 line 1"},
		{`p(["sh", 'a\nDB_PASS=x'])`, `p(["sh", ""])`, "line 1"},
		{`p([r"x\token=abcdef", r'\bearer abcdef', "x\tlock=abcdef"])`, `p([r"", r"", "x\tlock=abcdef"])`, "line 1 line 1"},
		{`p(["sh", "a\vDB_PASS=x", "\a\101PI_KEY=x"])`, `p(["sh", "", ""])`, "line 1 line 1"},
		{`p(["mysql", ["-u", "-U"], "-pabc"], match=["mysql -pabc"], x=["mkdir", "-pabc"])`, `p(["mysql", ["-u", "-U"], ""], match=[""], x=["mkdir", "-pabc"])`, "line 1 line 1"},
		{`p(["curl", "-H", ["X-Key:", "a"], "k"], y=["docker", "login", "-p", "abc", "h"])`, `p(["curl", "-H", ["", ""], "k"], y=["docker", "login", "-p", "", "h"])`, "line 1 line 1 line 1"},
		{`p(["docker", "run", "--name", "mongo", "-p", "80:80"], x=["mongosh", "-p", "12"])`, `p(["docker", "run", "--name", "mongo", "-p", "80:80"], x=["mongosh", "-p", ""])`, "line 1"},
		{`p(["curl", "Authorization\u003a Bearer abcdef"])`, `p(["curl", ""])`, "line 1"},
	} {
		out, secrets, err := RedactRules(c.in)
		if err != nil || out != c.want || paths(secrets) != c.paths {
			t.Errorf("%s: %s %v %v", c.in, out, paths(secrets), err)
		}
	}
	for _, bad := range []string{`p("`, `'x\`, "\"a\n\""} {
		if _, _, err := RedactRules(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestRedactTOML(t *testing.T) {
	deep := func(open, end string) string {
		return strings.Repeat(open, maxNest+1) + "1" + strings.Repeat(end, maxNest+1)
	}
	for _, c := range []struct{ in, want, paths string }{
		{"a = \"b\"\n# api_key = \"x\"\napi_key = \"x\" # why\n", "a = \"b\"\n#\napi_key = \"\" # why\n", "api_key"},
		{"model_max_output_tokens = 5\nenv_key = \"K\"\nbearer_token_env_var = \"V\"\n", "model_max_output_tokens = 5\nenv_key = \"K\"\nbearer_token_env_var = \"V\"\n", ""},
		{"[m.env]\nA = 'x'\n[n]\nA = 'x'\n", "[m.env]\nA = \"\"\n[n]\nA = 'x'\n", "m.env.A"},
		{"access_token = \"\"\"\nl1\nl2\"\"\"\nb = 1\n", "access_token = \"\"\nb = 1\n", "access_token"},
		{"u = \"https://a:b@h/\"", "u = \"\"", "u"},
		{"[x]\nenv_http_headers = { A = \"VAR\" }\nhttp_headers = { A = \"v\", \"B.c\" = 'w' }\n", "[x]\nenv_http_headers = { A = \"VAR\" }\nhttp_headers = { A = \"\", \"B.c\" = \"\" }\n", "x.http_headers.A x.http_headers.B.c"},
		{"m.db.env.FOO = 'x'\r\n[shell_environment_policy]\nset = { A = \"v\" }\ninclude_only = [\"PATH\"]", "m.db.env.FOO = \"\"\r\n[shell_environment_policy]\nset = { A = \"\" }\ninclude_only = [\"PATH\"]", "m.db.env.FOO shell_environment_policy.set.A"},
		{"[otel]\nexporter = { otlp-http = { endpoint = \"https://h\", headers = { x = \"v\" } } }\n", "[otel]\nexporter = { otlp-http = { endpoint = \"https://h\", headers = { x = \"\" } } }\n", "otel.exporter.otlp-http.headers.x"},
		{"[[a.\"b c\"]]\nargs = [\n  \"--token\", # t\n  \"v\",\n  1.5e3, 2026-01-01, true,\n]\n", "[[a.\"b c\"]]\nargs = [\n  \"--token\", # t\n  \"\",\n  1.5e3, 2026-01-01, true,\n]\n", "a.b c.args"},
		{"t = '''a'b''''\nn = \"\"\"x\\\"\"\"\"\"\"\n\n  \t# end", "t = '''a'b''''\nn = \"\"\"x\\\"\"\"\"\"\"\n\n  \t# end", ""},
		{"cli_auth_credentials_store = \"file\"\nmcp_oauth_credentials_store = \"keyring\"\n", "cli_auth_credentials_store = \"file\"\nmcp_oauth_credentials_store = \"keyring\"\n", ""},
		{"[p.query_params]\napi-version = \"1\"\nkey = \"k\"\nsig = \"s\"\n\"Key \" = \"& k\"\n", "[p.query_params]\napi-version = \"1\"\nkey = \"\"\nsig = \"\"\n\"Key \" = \"\"\n", "p.query_params.key p.query_params.sig p.query_params.Key "},
		{`p = "Run:\nDB_PASS=x"` + "\n" + `q = "Run:\tsk-abcdefghijklmnop1"` + "\nr = \"\"\"\nRun:\\nBearer abcdef\"\"\"\n" + `"api\u005fkey" = "x"`, "p = \"\"\nq = \"\"\nr = \"\"\n" + `"api\u005fkey" = ""`, "p q r api_key"},
		{"n = [\"sh\", \"-c\", \"curl -H \\\"X-Auth: abc\\\" h\"]\n", "n = [\"sh\", \"-c\", \"\"]\n", "n"},
		{"", "", ""},
	} {
		out, secrets, err := RedactTOML(c.in)
		if err != nil || out != c.want || paths(secrets) != c.paths {
			t.Errorf("%q: %q %v %v", c.in, out, paths(secrets), err)
		}
	}
	for _, bad := range []string{"a", "a = ", "[a", "[[a]", "a = \"x", "a = 'x\n'", "a = [1", "a = {b}", "= 1", "a = \"x\" \"y\"", "\xff\n=", "a = \"\\",
		"a = " + deep("[", "]"), "a = " + deep("{a=", "}"), "a = " + strings.Repeat("{a.a.a=", maxNest/2) + "1" + strings.Repeat("}", maxNest/2), "[a" + strings.Repeat(".a", maxNest) + "]"} {
		if out, _, err := RedactTOML(bad); err == nil {
			t.Errorf("%q passes as %q", bad, out)
		}
	}
}

// TestTOMLTexts: texts are what a reader of TOML gets.
func TestTOMLTexts(t *testing.T) {
	three, litq := strings.Repeat(`"`, 3), strings.Repeat("'", 3)
	for in, want := range map[string]string{
		`"a\n\"b\" \u00e9\U0001F600\\n"`: "a\n\"b\" é😀\\n", `'a\n"'`: `a\n"`, `"\e[0m\x41"`: "\x1b[0mA", `""`: "", litq + litq: "", three + three: "",
		three + "\nRead \\\"it\\\".\n  - sum \\\n     up\\t\n" + three: "Read \"it\".\n  - sum up\t\n",
		three + "\r\na \\  \r\n\r\n b" + three:                         "a b", three + `"q"` + three: `"q"`, litq + "\nit's\\\n" + litq: "it's\\\n", `"\q\u12\ud83d\Uffffffff"`: `\q\u12\ud83d\Uffffffff`,
	} {
		var got []string
		err := TOMLTexts("a = "+in+"\n", func(_ []string, s string) { got = append(got, s) })
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
}

// FuzzRedact: no document makes it panic, and one that is redacted has nothing more to take out.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"env":{"A":"x"},"u":"https://a:b@h"}`, "a = \"b\" # api_key = \"x\"\n[m.env]\nA = '''x'''\nb = [{ token = \"\\\"\" }]", "\\", "a = \"\\", `{"a":["--token","x"]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if out, _, err := RedactJSON([]byte(s)); err == nil {
			if again, secrets, err := RedactJSON(out); err != nil || len(secrets) > 0 || string(again) != string(out) {
				t.Errorf("%s: %v %v", out, secrets, err)
			}
		}
		if out, _, err := RedactTOML(s); err == nil {
			if again, secrets, err := RedactTOML(out); err != nil || len(secrets) > 0 || again != out {
				t.Errorf("%s: %v %v", out, secrets, err)
			}
		}
	})
}

// TestSecretFile: files that are left where they are, and those that only look so.
func TestSecretFile(t *testing.T) {
	for name, want := range map[string]bool{".env": true, ".env.local": true, "prod.env": true, ".env.example": false, "a.pem": true, "A.PEM": true, ".ENV": true, "ID_RSA": true, ".Env.Example": false, "id_rsa": true, "id_rsa.pub": false, ".npmrc": true, "env": false, "SKILL.md": false} {
		if got := SecretFile(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
