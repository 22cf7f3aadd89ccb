package mem0

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/lazyre"
)

func (s *Store) presentPG(ctx context.Context, undoing bool) (presence, error) {
	out := presence{layouts: map[string]layout{}, rules: map[string][]string{}}
	p, err := s.openPG(ctx, "")
	if err != nil {
		return out, err
	}
	defer p.close()
	if err := p.server.TakesRows(ctx, p.conn); err != nil {
		return out, err
	}
	out.encoding = p.encoding
	dbs, _, err := p.collections(ctx, s.flavor)
	if err == nil {
		err = p.forbidden()
	}
	if err != nil {
		return out, err
	}
	for _, d := range dbs {
		out.layouts[d.layout.Place], out.flavor = d.layout, p.flavor
		if err := out.look(ctx, d, undoing); err != nil {
			return out, err
		}
	}
	if s.beside == "" || sqlitefile.Missing(s.beside) {
		return out, nil
	}
	d, err := s.openRead(ctx, historyFile)
	if err == nil && d == nil && undoing {
		if d, err = s.openRest(ctx, historyFile); d == nil {
			return out, err
		}
	}
	if err != nil {
		return out, err
	}
	if d == nil {
		return out, fmt.Errorf("%w: %s is no history of mem0", ErrSchema, s.beside)
	}
	defer d.close()
	if !d.layout.Form.history() {
		return out, fmt.Errorf("%w: %s is no history of mem0", ErrSchema, s.beside)
	}
	out.layouts[d.layout.Place] = d.layout
	return out, out.look(ctx, d, undoing)
}

// openPG opens a collection for writing; all share one transaction. It makes what is missing.
func (w *writer) openPG(ctx context.Context, l layout) (*db, error) {
	if err := l.plain(); err != nil && !w.undoing {
		return nil, err
	}
	if w.pg == nil {
		begin := "BEGIN ISOLATION LEVEL READ COMMITTED"
		if w.run.DryRun {
			begin = ""
		}
		p, err := w.s.openPG(ctx, begin)
		if err != nil {
			return nil, err
		}
		w.pg = p
		if len(w.s.server.Schema) > 0 && !w.run.DryRun && !w.undoing {
			if err := p.exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+quote(p.schema)); err != nil {
				return nil, p.wrap(err)
			}
		}
	}
	d := &db{engine: w.pg, layout: l}
	there, err := d.one(ctx, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relname = ?", w.pg.schema, l.File)
	if err != nil {
		return nil, w.pg.wrap(err)
	}
	if there > 0 && !l.there && !w.undoing {
		return nil, fmt.Errorf("%w: %s: table %s is no collection of the package that is to read it: name another with ?collection=, or another schema with ?search_path=", ErrSchema, w.pg.location, l.File)
	}
	if there == 0 && w.run.DryRun {
		w.dbs[l.Place] = nil
		return nil, nil
	}
	n, err := d.one(ctx, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relname = 'memory_migrations'", w.pg.schema)
	if err != nil {
		return nil, w.pg.wrap(err)
	}
	w.pg.migrations = n > 0
	if !w.run.DryRun && !w.undoing {
		for _, q := range createPG(l, there > 0) {
			if err := d.exec(ctx, q); err != nil {
				return nil, w.pg.wrap(err)
			}
		}
	}
	w.dbs[l.Place] = d
	return d, nil
}

// wordsIndex ends the name of mem0's own index of words.
const wordsIndex = "_text_lemmatized_idx"

// createPG are the statements that make a collection, as mem0 writes them.
func createPG(l layout, there bool) (out []string) {
	t := quote(l.File)
	if !there {
		dims := ""
		if l.Dims > 0 {
			dims = fmt.Sprintf("(%d)", l.Dims)
		}
		typ, ops, longest := "vector", "vector_cosine_ops", 2000 // that pgvector indexes
		if l.Half {
			typ, ops, longest = "halfvec", "halfvec_cosine_ops", 4000
		}
		out = append(out, "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public", "CREATE TABLE "+t+" (id UUID PRIMARY KEY, vector "+typ+dims+", payload JSONB)")
		for _, x := range l.Indexes {
			switch {
			case x == "hnsw" && l.Dims > 0 && l.Dims <= longest: // a column of vectors of any length takes none
				out = append(out, "CREATE INDEX "+quote(l.File+"_hnsw_idx")+" ON "+t+" USING hnsw (vector "+ops+")")
			case x == "gin":
				out = append(out, "CREATE INDEX "+quote(l.File+wordsIndex)+" ON "+t+" USING gin(to_tsvector('simple', payload->>'text_lemmatized'))")
			}
		}
	}
	if slices.Contains(l.Tables, "memory_migrations") {
		out = append(out, "CREATE TABLE IF NOT EXISTS memory_migrations (id SERIAL PRIMARY KEY, user_id TEXT NOT NULL UNIQUE)")
	}
	return out
}

// held is a JSON text as JSONB keeps it. A savepoint, which costs two trips to the server, is made for one that it may not take: a
// number may be too large, all of it too deep, and a database that is not of UTF-8 lacks characters.
func (p *pg) held(ctx context.Context, raw string) (out, why string, err error) {
	why = "its payload holds what JSONB does not take"
	ask := func() error {
		err := p.each(ctx, "SELECT (?::text)::jsonb::text", []any{raw}, func(v []any) error {
			out = sqlitefile.Text(v[0])
			return nil
		})
		var pe *pgconn.PgError
		if errors.As(err, &pe) && pe.Code == "22P05" {
			why = "its payload holds a character that the encoding of the database lacks"
			return replay.ErrRule
		}
		return p.wrap(err)
	}
	if p.conn.PgConn().ParameterStatus("server_encoding") == "UTF8" && len(raw) < 1<<14 && strings.Count(raw, "[")+strings.Count(raw, "{") < 500 && !power().MatchString(raw) {
		err = ask()
		return out, "", err
	}
	if err = p.server.Apart(ctx, p.conn, ask); errors.Is(err, replay.ErrRule) {
		return "", why, nil
	}
	return out, "", err
}

// power finds a number with an exponent.
var power = lazyre.New(`(^|[:,\[\s])-?[0-9][0-9.]*[eE]`)

var uuidForm = lazyre.New(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
