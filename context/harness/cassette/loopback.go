package cassette

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// IsLoopback tells whether host is this machine alone.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Loopback refuses requests that name another host, and those of a page that came from one: a page in
// a browser that resolves its own name to this machine cannot read what is played.
func Loopback(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		from, err := url.Parse(r.Header.Get("Origin"))
		if !IsLoopback(host) || err != nil || from.String() != "" && !IsLoopback(from.Hostname()) {
			http.Error(w, "cassette: this server is for programs on this machine", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
