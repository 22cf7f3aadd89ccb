package langgraph

import (
	"context"
	"fmt"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// oldEnough compares the schema versions of a target of the same flavor with those of what comes. Of a Python store in
// SQLite, which counts no versions, the column says it that parallel tasks are put in order by.
func (w *writer) oldEnough(from *pb.Origin) error {
	if !w.same() {
		if t := w.lay.writes(); w.lay.engine == "postgres" && w.source.lang == python && t != nil && t.col("task_path") < 0 && labelOf(from, labelTaskPath) != "" {
			return errSchema("table %s of the target has no column task_path, the archive's has: run setup() of the newer library on it first", t.name)
		}
		return nil
	}
	for name, want := range versionsOf(from) {
		have, ok := w.lay.v[name]
		if w.lay.lang == javascript && name == "store_migrations" {
			want = min(want, firstOfVectors-1) // further ones are vectors, which are made when they come
		}
		if ok && have >= 0 && have < want {
			return errSchema("%s of the target is at version %d, the archive's was at %d: run setup() of the newer library on it first", name, have, want)
		}
	}
	return nil
}

// longEnough refuses vectors that are made anew for a table of vectors of another length.
func (w *writer) longEnough() error {
	t := w.lay.t["store_vectors"]
	if w.run.Vectors == nil || t == nil || t.col("embedding") < 0 {
		return nil
	}
	if n := columnDims(t.cols[t.col("embedding")].full); n > 0 && n != w.run.Vectors.Dimensions {
		return fmt.Errorf("langgraph: the target keeps vectors of %d numbers, the embedder makes %d: want the embedder that the program at the target uses", n, w.run.Vectors.Dimensions)
	}
	return nil
}

// versionsOf takes Origin.schema apart: "checkpoints=9 store=3".
func versionsOf(o *pb.Origin) map[string]int64 {
	out := map[string]int64{}
	for f := range strings.FieldsSeq(o.GetSchema()) {
		k, v, _ := strings.Cut(f, "=")
		var n int64
		if _, err := fmt.Sscan(v, &n); err == nil {
			out[strings.TrimSuffix(k, "s")+"_migrations"] = n
		}
	}
	return out
}

// storeAlone tells whether state comes from a schema of PostgreSQL that has a long-term store and no checkpoints. In
// SQLite nothing says it.
func storeAlone(src flavorParts, from *pb.Origin) bool {
	v := versionsOf(from)
	_, store := v["store_migrations"]
	_, checkpoints := v["checkpoint_migrations"]
	return src.engine == "postgres" && store && !checkpoints
}

// ensure makes the tables of g where they are missing, at the version that the state comes from,
// or at the newest where it comes from another database.
func (w *writer) ensure(ctx context.Context, g tableGroup, from *pb.Origin) error {
	if w.lay.t[mainTable(g)] != nil {
		return nil
	}
	if g == vectorTables {
		if err := w.ensure(ctx, storeTables, from); err != nil {
			return err
		}
	}
	counterName := map[tableGroup]string{checkpointTables: "checkpoint_migrations", storeTables: "store_migrations", vectorTables: "vector_migrations"}[g]
	v := int64(newestVersion)
	if w.same() {
		if n, ok := versionsOf(from)[counterName]; ok {
			v = n
		}
		if g == checkpointTables && w.lay.engine == "sqlite" && labelOf(from, labelTaskPath) == "" {
			v = 0
		}
	}
	s, err := setupOf(w.lay.flavor(), g, v, w.vec)
	if err != nil {
		return err
	}
	home := ""
	if d, ok := w.d.(*postgresDest); ok {
		of := g
		if g == vectorTables {
			of = storeTables
		}
		if home, err = d.home(ctx, labelOf(from, labelHome(of))); err != nil {
			return err
		}
	}
	if !w.run.DryRun {
		if err := w.setUp(ctx, home, s.statements()); err != nil {
			return err
		}
		ts, err := w.d.tables(ctx)
		if err != nil {
			return err
		}
		for n, t := range ts {
			if groupOf(n) == g {
				w.lay.t[n] = t
			}
		}
		if t := w.lay.t["store_vectors"]; g == vectorTables && w.lay.engine == "postgres" && t != nil {
			for _, x := range w.vec.indexes {
				if x.method == "ivfflat" {
					w.lists = append(w.lists, quote(t.home)+"."+quote(x.name))
				}
			}
		}
	} else {
		for n, t := range tablesOf(w.lay.flavor(), g, v, w.vec) {
			t.planned = true
			w.lay.t[n] = t
		}
	}
	if s.counter != "" {
		w.lay.v[s.counter] = s.first + int64(len(s.steps)) - 1
	}
	return nil
}

// labelHome is the schema that tables lie in, where those of one store lie in two. The program opens them
// with two search paths.
func labelHome(g tableGroup) string { return mainTable(g) + ".schema" }

// setUp runs the statements that make tables, in PostgreSQL in the schema home.
func (w *writer) setUp(ctx context.Context, home string, statements []string) error {
	path := ""
	set := func(path string) error {
		_, err := w.d.query(ctx, "SELECT set_config('search_path', ?::text, true)", path)
		return err
	}
	if home != "" {
		rows, err := w.d.query(ctx, "SELECT current_setting('search_path'), (SELECT count(*) FROM pg_namespace WHERE nspname = ?)", home)
		if err != nil {
			return err
		}
		path = rows[0][0].String()
		if rows[0][1].i == 0 {
			statements = append([]string{"CREATE SCHEMA " + quote(home)}, statements...)
		}
		if err := set(quote(home) + ", " + path); err != nil {
			return err
		}
	}
	for _, q := range statements {
		if err := w.d.exec(ctx, q); err != nil {
			return err
		}
	}
	if path != "" {
		return set(path)
	}
	return nil
}

func mainTable(g tableGroup) string {
	if g == vectorTables {
		return "store_vectors"
	}
	return string(g)
}
