package exporters

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Place is where a store is, as its URL says. Who asks for it, with which password and what options, is not of it.
type Place struct {
	Scheme string
	Host   string // with its port, or the folder of a socket with it; empty: a file or a folder
	Name   string // of a database or a service's thing, or a path as it was written
	Part   string // the schema in which tables are looked for first; public is none. Of a folder, how it is laid out
}

// PlaceOf is the place of a URL; false: it is no URL. A ~ stays as it is: see [AtHome].
func PlaceOf(rawURL string) (Place, bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Place{}, false
	}
	p, q := Place{Scheme: u.Scheme}, u.Query()
	switch {
	case strings.Contains(u.Scheme, "postgres"): // its host may stand among the options, or nowhere
		p.Host = machine(cmp.Or(u.Hostname(), q.Get("host"), "localhost")) + ":" + cmp.Or(u.Port(), q.Get("port"), "5432")
		p.Name = cmp.Or(strings.Trim(u.Path, "/"), q.Get("dbname"), u.User.Username())
		first, _, _ := strings.Cut(q.Get("search_path"), ",")
		if p.Part = strings.Trim(first, ` "`); p.Part == "public" {
			p.Part = ""
		}
	case u.Host != "":
		p.Host, p.Name = machine(u.Hostname())+":"+u.Port(), strings.Trim(u.Path, "/")
	default:
		if p.Name, err = url.PathUnescape(u.Opaque); err != nil || p.Name == "" {
			p.Name = cmp.Or(u.Path, u.Opaque)
		}
		if q.Has("config") {
			p.Part = "config"
		}
	}
	return p, true
}

// machine is one name of a host that has several.
func machine(host string) string {
	host = strings.TrimSuffix(host, ".")
	if filepath.IsAbs(host) { // of a socket
		return filepath.Clean(host)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return "localhost"
	}
	return strings.ToLower(host)
}

// Same tells whether p and q are one place: paths are taken from the folder that the program runs in, and links are followed.
func (p Place) Same(q Place) bool {
	if p.Scheme != q.Scheme || p.Host != q.Host || p.Part != q.Part {
		return false
	}
	return p.Name == q.Name || p.Host == "" && (p.Path() == q.Path() || sameFile(p.Name, q.Name))
}

// Path is the file or folder from the root on, without links where it is there.
func (p Place) Path() string {
	path := p.Name
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// sameFile tells hard links, and disks to which upper and lower case are one.
func sameFile(x, y string) bool {
	a, err := os.Stat(x)
	b, err2 := os.Stat(y)
	return err == nil && err2 == nil && os.SameFile(a, b)
}
