package exporters

import (
	"fmt"
	"net/url"
	"strings"
)

// Path is the file or folder that u names: scheme:relative/path or scheme:///absolute/path. A user, a
// host, options, a malformed % or no name at all is ErrURL, which says what is wanted: want is the form
// of the URL, with its scheme. A driver with options takes them from u first.
func Path(u *url.URL, want string) (string, error) {
	p, what := u.Path, ""
	if u.Opaque != "" {
		var err error
		if p, err = url.PathUnescape(u.Opaque); err != nil {
			return "", fmt.Errorf("%w: malformed %% in the name; write %% as %%25", ErrURL)
		}
	}
	switch {
	case u.Host != "" || u.User != nil:
		what = "there is no host in it"
	case u.RawQuery != "" || u.Fragment != "":
		what = "unknown options; in a name write ? as %3F and # as %23"
	case p == "":
		what = "no file or folder is named"
	default:
		return p, nil
	}
	return "", fmt.Errorf("%w: %s: want %s", ErrURL, what, want)
}

// AtHome is rawURL with home in the place of a ~ that its path begins with, which a shell puts there at the start of a
// word alone. Without a home it stays as it is.
func AtHome(rawURL, home string) string {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	if home == "" || rest != "~" && !strings.HasPrefix(rest, "~/") && !strings.HasPrefix(rest, "~?") {
		return rawURL
	}
	return scheme + ":" + (&url.URL{Path: home}).EscapedPath() + rest[1:]
}
