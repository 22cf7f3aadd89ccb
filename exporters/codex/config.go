package codex

import (
	"os"
	"regexp"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var (
	secretName = regexp.MustCompile(`(?i)(token|secret|passw|api_?key|authorization|credential|private_?key)`)
	// Names of variables that hold a secret are none themselves.
	variable = regexp.MustCompile(`(?i)(^|_)env(_|$)|_var$`)
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)
	userinfo = regexp.MustCompile(`://[^/\s"'@]*:[^/\s"'@]*@`)
)

// redact takes the values of secrets out of a config.toml, line by line, and leaves the rest as it
// is: tables called env or headers, keys with the name of a secret, passwords in URLs. It takes out
// too much rather than too little: multi-line strings of such keys go as a whole.
func redact(doc string) (out string, names []string) {
	table, open := "", ""
	var b strings.Builder
	for l := range strings.SplitAfterSeq(doc, "\n") {
		trimmed := strings.TrimSpace(l)
		if open != "" { // inside a multi-line string that goes
			if strings.Contains(l, open) {
				open = ""
			}
			continue
		}
		if strings.HasPrefix(trimmed, "[") {
			table = strings.Trim(trimmed, "[] \t")
			b.WriteString(l)
			continue
		}
		name, value, ok := strings.Cut(l, "=")
		key := strings.Trim(strings.TrimSpace(name), `"'`)
		last := table[strings.LastIndexByte(table, '.')+1:]
		inTable := last == "env" || strings.HasSuffix(last, "headers") && last != "env_http_headers" || key == "env" || strings.HasSuffix(key, "headers") && key != "env_http_headers"
		secret := ok && !strings.HasPrefix(trimmed, "#") && (inTable || secretName.MatchString(key) && !variable.MatchString(key) && strings.ContainsAny(value, `"'`) || userinfo.MatchString(value))
		if !secret {
			b.WriteString(l)
			continue
		}
		names = append(names, strings.Trim(table+"."+key, "."))
		for _, q := range []string{`"""`, "'''"} {
			if strings.Count(value, q) == 1 {
				open = q
			}
		}
		if open != "" {
			b.WriteString(name + "= \"\"\n")
			continue
		}
		b.WriteString(name + "=" + emptied(value))
	}
	return b.String(), names
}

// emptied is value without what stands in its quotes; names inside of a table stay.
func emptied(value string) string {
	var b strings.Builder
	at := 0
	for _, q := range quoted.FindAllStringIndex(value, -1) {
		if strings.HasPrefix(strings.TrimLeft(value[q[1]:], " \t"), "=") {
			continue
		}
		b.WriteString(value[at:q[0]+1] + value[q[1]-1:q[1]])
		at = q[1]
	}
	return b.String() + value[at:]
}

// config is config.toml without its secrets, and a reference for each of them.
func (r *reading) config(f found) error {
	if f.size() > agentstate.SpillSize {
		r.n["policy"]++
		return r.gap(&pb.Gap{Kind: "policy", Place: f.rel, Reason: pb.Gap_REASON_CORRUPT, Detail: "larger than any settings file", Count: 1})
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	clean, names := redact(string(b))
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		r.n["credential"]++
		if err := r.put(&pb.Credential{Meta: agentstate.Meta("credential", nil, f.rel, n), Name: valid(n), Form: "env", Location: valid(f.rel + " " + n),
			Rebind: "put the value back at " + valid(n) + " of " + f.rel}); err != nil {
			return err
		}
	}
	p := &pb.Policy{Meta: f.meta(), Name: f.rel, Language: product, Text: agentstate.Inline("application/toml", []byte(clean)), Enforced: true}
	p.Meta.Native = []*pb.Native{cite("#text")}
	return r.put(p)
}
