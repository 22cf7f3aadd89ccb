package exporters

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hidden stands where a secret was: in what Redact returns, and in errors.
const Hidden = "xxxxx"

// Redact is rawURL without what may be a secret: the password, the values of options that are not
// known to be harmless, the fragment. What is no URL keeps its scheme at most.
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err == nil {
		return redact(u)
	}
	if scheme, _, ok := strings.Cut(rawURL, ":"); ok && isScheme(scheme) {
		return scheme + ":…"
	}
	return "…"
}

// harmless tells whether an option can be shown: it says where and how, and opens nothing. Without
// it a URL that is printed to be used again would be of another target.
func harmless(option string, values []string) bool {
	var ok func(string) bool
	switch option {
	case "search_path", "host", "dbname", "user", "history", "collection":
		return true
	case "port", "dims", "sessions", "rate", "parallel":
		ok = func(v string) bool { _, err := strconv.ParseFloat(v, 64); return err == nil }
	case "config":
		ok = func(v string) bool { return v == "" }
	case "files":
		ok = func(v string) bool { return v == "all" }
	case "flavor":
		ok = func(v string) bool { return v == "js" || v == "python" }
	case "sslmode":
		ok = func(v string) bool {
			return slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, v)
		}
	default:
		return false
	}
	return !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
}

func redact(u *url.URL) string {
	v := *u
	if strings.Contains(v.Opaque, "@") { // user:password@host behind a forgotten //
		v.Opaque = "…"
	}
	if q := v.Query(); len(q) > 0 {
		for k, values := range q {
			if !harmless(k, values) {
				q.Set(k, Hidden)
			}
		}
		v.RawQuery = strings.TrimSuffix(q.Encode(), "=") // an option that stands alone stays so
	} else if v.RawQuery != "" {
		v.RawQuery = "options=" + Hidden
	}
	v.Fragment, v.RawFragment = "", "" // a password with a # ends up here
	return v.Redacted()
}

// conceal is err, with a text that does not hold secret.
func conceal(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return &concealed{err, secret}
}

type concealed struct {
	err    error
	secret string
}

func (c *concealed) Error() string { return strings.ReplaceAll(c.err.Error(), c.secret, Hidden) }

// Is and As answer for what is concealed; there is no Unwrap, which would give its text away.
func (c *concealed) Is(target error) bool { return errors.Is(c.err, target) }
func (c *concealed) As(target any) bool   { return errors.As(c.err, target) }
