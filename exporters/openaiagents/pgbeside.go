package openaiagents

import (
	"context"
	"fmt"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// besideQuery lists what an application hung on the tables $1: views that read them, triggers, and indexes other than the SDK's.
const besideQuery = `WITH t AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = ANY ($1::text[]))
	SELECT DISTINCT 'views', nv.nspname || '.' || v.relname FROM t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm') JOIN pg_namespace nv ON nv.oid = v.relnamespace
	UNION ALL SELECT 'triggers', g.tgname::text FROM pg_trigger g JOIN t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
	UNION ALL SELECT 'indexes', x.relname::text FROM pg_index i JOIN t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
		WHERE NOT i.indisprimary AND (i.indisunique OR i.indpred IS NOT NULL OR ARRAY['session_id', 'created_at'] <> ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, i.indnatts) k ORDER BY k))
	ORDER BY 1, 2`

// beside names in o what of an application's is not carried.
func (d *pg) beside(ctx context.Context, o *pb.Origin) (notes []string, err error) {
	var names []string
	for _, p := range d.pairs {
		names = append(names, p.sessions.name, p.messages.name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, err := d.Query(ctx, besideQuery, names)
	if err != nil {
		return nil, d.server.Wrap(err)
	}
	found := map[string][]string{}
	for rows.Next() {
		var what, name string
		if err := rows.Scan(&what, &name); err != nil {
			rows.Close()
			return nil, d.server.Wrap(err)
		}
		found[what] = append(found[what], name)
	}
	for _, what := range []string{"triggers", "indexes", "views"} {
		if text := leftOut(o, what, what, found[what]); text != "" {
			notes = append(notes, text)
		}
	}
	return notes, d.server.Wrap(rows.Err())
}

// leftOut says in o, and to a person, that things of an application are not carried; empty: there are none.
func leftOut(o *pb.Origin, label, what string, names []string) string {
	n := len(names)
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("%d %s of an application are not carried: %s", n, what, valid(strings.Join(names[:min(n, 5)], ", ")))
	o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: label, Value: text})
	return text
}

// free refuses names that are something else's in the target: a run would find out when it makes its tables.
func (w *pgWriter) free(ctx context.Context, p pair) error {
	name := ""
	err := w.atOnce(func() error {
		_, err := w.one(ctx, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1::text AND (c.relname = $2::text OR c.relname = $3::text AND c.relkind NOT IN ('r', 'p')) LIMIT 1`, []any{w.path[0], p.Messages, p.Sessions}, &name)
		return err
	})
	if err == nil && name != "" {
		err = fmt.Errorf("%w: %s: %s in schema %s is no table of SQLAlchemySession, but a view or a table of another form: name another schema with ?search_path=", ErrSchema, w.server, name, w.path[0])
	}
	return err
}
