package drill

import (
	"fmt"
	"net/url"
	"strings"
)

// password tells whether a URL holds one in the clear: user:password@, or password= among the
// options. ${NAME} is none.
func password(u string) bool {
	_, rest, _ := strings.Cut(u, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		if _, pw, ok := strings.Cut(rest[:at], ":"); ok && !variable(pw) {
			return true
		}
	}
	_, query, _ := strings.Cut(u, "?")
	for opt := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(opt, "=")
		if k = strings.ToLower(k); (strings.Contains(k, "password") || strings.Contains(k, "token") || strings.Contains(k, "secret")) && !variable(v) {
			return true
		}
	}
	return false
}

func variable(s string) bool { return strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") }

// Expand puts values for each ${NAME} into a URL. get answers as os.LookupEnv does; a name that it
// does not have is an error. A value in the place of a password or of an option is escaped.
func Expand(u string, get func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(u, "${")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return "", fmt.Errorf("%w: a ${ without its }", ErrPlan)
		}
		v, ok := get(name)
		if !ok {
			return "", fmt.Errorf("%w: %s is not set in the environment", ErrPlan, name)
		}
		if strings.HasSuffix(before, ":") && strings.HasPrefix(after, "@") || strings.HasSuffix(before, "=") {
			v = strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
		}
		b.WriteString(v)
		u = after
	}
}
