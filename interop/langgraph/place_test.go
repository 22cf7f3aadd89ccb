package langgraph

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// place is a store, as exitramp and as the runtimes name it.
type place struct {
	exitramp, python, js string
	file, db, schema     string
}

func (p place) of(f flavour) string {
	if f.name == "python" {
		return p.python
	}
	return p.js
}

func sqlite(t *testing.T, name string) place {
	file := filepath.Join(t.TempDir(), name)
	return place{exitramp: "langgraph+sqlite:" + file, python: "sqlite:" + file, js: "sqlite:" + file, file: file}
}

var databases atomic.Int64

// postgres makes an empty database, and in it a schema of that name unless schema is empty.
func postgres(t *testing.T, schema string) place {
	t.Helper()
	return postgresLike(t, place{db: "template1"}, schema)
}

// postgresLike makes a database that is a copy of another.
func postgresLike(t *testing.T, of place, schema string) place {
	t.Helper()
	need(t, "PostgreSQL", env.pg, env.pgbin)
	db := fmt.Sprintf("interop_%d_%d", os.Getpid(), databases.Add(1))
	psql(t, "postgres", "create database "+db+" template "+of.db)
	t.Cleanup(func() { psql(t, "postgres", "drop database "+db+" with (force)") })
	u := env.pg + "/" + db
	if schema == "" {
		return place{exitramp: "langgraph+" + strings.Replace(u, "postgresql:", "postgres:", 1), python: u, js: u, db: db, schema: "public"}
	}
	psql(t, db, "create schema "+schema)
	return place{db: db, schema: schema,
		exitramp: "langgraph+" + strings.Replace(u, "postgresql:", "postgres:", 1) + "?search_path=" + schema,
		python:   u + "?options=" + url.QueryEscape("-csearch_path="+schema+",public"), js: u + "?schema=" + schema}
}

// psql runs statements as the superuser and returns the rows.
func psql(t *testing.T, db string, statements ...string) string {
	t.Helper()
	args := []string{env.pg + "/" + db, "-qAtX", "-v", "ON_ERROR_STOP=1"}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	out, err := exec.Command(filepath.Join(env.pgbin, "psql"), args...).CombinedOutput() // not bound to the test: clean-ups use it
	if err != nil {
		t.Errorf("psql %s %q: %v\n%s", db, statements, err, out)
	}
	return strings.TrimSpace(string(out))
}
