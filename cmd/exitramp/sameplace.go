package main

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/exporters"
)

// samePlace tells whether two URLs may name one target. Who asks and how does not count: an undo may be
// another role's than the replay was, from another folder, by another name of the machine.
func samePlace(was, now string) bool {
	home := os.Getenv("HOME")
	a, err := url.Parse(exporters.Redact(was))
	b, err2 := url.Parse(exporters.Redact(exporters.AtHome(now, home)))
	if err != nil || err2 != nil {
		return was == now
	}
	if a.Scheme != b.Scheme || schemaOf(a) != schemaOf(b) {
		return false
	}
	if isServer(a) || isServer(b) {
		x, y := databaseOf(a), databaseOf(b)
		whole := !isPostgres(a) && (x == "" || y == "") // a region holds each of its memories
		return hostOf(a) == hostOf(b) && (x == y || whole)
	}
	x, y := pathOf(a), pathOf(b)
	if name := filepath.Base(x); !filepath.IsAbs(x) && (name == "." || name == ".." || name == filepath.Base(resolved(y))) {
		return true // of the folder that the replay ran in, which is not known
	}
	if at, err := url.Parse(exporters.AtHome(was, home)); err == nil {
		x = pathOf(at)
	}
	return resolved(x) == resolved(y) || sameFile(x, y)
}

func isPostgres(u *url.URL) bool { return strings.Contains(u.Scheme, "postgres") }

// isServer tells whether u is of a machine; PostgreSQL's host may stand among the options, or nowhere.
func isServer(u *url.URL) bool { return u.Host != "" || isPostgres(u) }

func hostOf(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if isPostgres(u) {
		host = cmp.Or(host, u.Query().Get("host"), "localhost")
		port = cmp.Or(port, u.Query().Get("port"), "5432")
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || filepath.IsAbs(host) { // a socket is of this machine
		host = "localhost"
	}
	return host + ":" + port
}

func databaseOf(u *url.URL) string {
	name := strings.Trim(u.Path, "/")
	if isPostgres(u) {
		return cmp.Or(name, u.Query().Get("dbname"), u.User.Username())
	}
	return name
}

// schemaOf is where tables are looked for first; where nobody says, PostgreSQL looks in public.
func schemaOf(u *url.URL) string {
	first, _, _ := strings.Cut(u.Query().Get("search_path"), ",")
	first = strings.Trim(first, ` "`)
	if first == "public" {
		return ""
	}
	return first
}

// pathOf is the file or folder that u names.
func pathOf(u *url.URL) string {
	if p, err := url.PathUnescape(u.Opaque); err == nil && p != "" {
		return p
	}
	return cmp.Or(u.Path, u.Opaque)
}

func resolved(path string) string {
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
