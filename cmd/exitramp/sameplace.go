package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/exporters"
)

// samePlace tells whether two URLs may name one target. Who asks and how does not count: an undo may be
// another role's than the replay was, from another folder, by another name of the machine.
func samePlace(was, now string) bool {
	home := os.Getenv("HOME")
	a, ok := exporters.PlaceOf(exporters.Redact(was))
	b, ok2 := exporters.PlaceOf(exporters.Redact(exporters.AtHome(now, home)))
	if !ok || !ok2 {
		return was == now
	}
	if a.Host != "" {
		a.Host, b.Host = ofSocket(a.Host), ofSocket(b.Host)
		if !strings.Contains(a.Scheme, "postgres") && (a.Name == "" || b.Name == "") { // a region holds each of its memories
			a.Name = b.Name
		}
		return a.Same(b)
	}
	name := filepath.Base(a.Name)
	if a.Scheme == b.Scheme && a.Part == b.Part && !filepath.IsAbs(a.Name) && (name == "." || name == ".." || name == filepath.Base(b.Path())) {
		return true // of the folder that the replay ran in, which is not known
	}
	if at, ok := exporters.PlaceOf(exporters.AtHome(was, home)); ok {
		a.Name = at.Name
	}
	return a.Same(b)
}

// ofSocket is the host of a socket: it is of this machine.
func ofSocket(host string) string {
	if i := strings.LastIndexByte(host, ':'); filepath.IsAbs(host) && i >= 0 {
		return "localhost" + host[i:]
	}
	return host
}
