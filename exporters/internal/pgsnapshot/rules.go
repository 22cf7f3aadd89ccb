package pgsnapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/replay"
)

// Rules are what may keep rows out of a table, which is ident in SQL and name for people, but for its primary key. own tells
// what is the runtime's own, or is satisfied by what it writes: by kind and name, and for a foreign key by the table that it
// leads to. A RULE for UPDATE is named, even one that is disabled: no INSERT with ON CONFLICT goes past it. An INDEX is one
// that computes something, or that holds values of any length which the primary key does not. Where rows go to partitions, theirs count too, and
// that a row may find none.
// What waits for the end of the transaction is asked at each row from here on: there it would take back all of them.
func (s *Server) Rules(ctx context.Context, conn *pgx.Conn, ident, name string, own func(what, rule, refers string) bool) (out []string, err error) {
	rows, err := conn.Query(ctx, `WITH RECURSIVE c AS (SELECT ($1::text)::regclass::oid AS oid, 0::oid AS parent UNION ALL
			SELECT h.inhrelid, h.inhparent FROM pg_inherits h JOIN c ON c.oid = h.inhparent JOIN pg_class x ON x.oid = h.inhrelid WHERE x.relispartition)
		SELECT CASE k.contype WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'FOREIGN KEY' ELSE 'EXCLUDE' END, k.conname::text, coalesce(r.relname::text, '')
			FROM pg_constraint k JOIN c ON c.oid = k.conrelid LEFT JOIN pg_class r ON r.oid = k.confrelid WHERE k.contype IN ('c', 'f', 'x') AND (c.parent = 0 OR k.coninhcount = 0)
		UNION ALL SELECT 'UNIQUE', x.relname::text, '' FROM pg_index i JOIN c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indisunique AND NOT i.indisprimary
			AND (c.parent = 0 OR NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = x.oid))
		UNION ALL SELECT 'INDEX', x.relname::text, '' FROM pg_index i JOIN c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
			WHERE NOT i.indisunique AND (c.parent = 0 OR NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = x.oid)) AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR m.amname IN ('btree', 'gist', 'spgist', 'brin') AND EXISTS (SELECT 1 FROM pg_attribute a
				WHERE a.attrelid = c.oid AND a.attlen < 0 AND a.attnum = ANY (i.indkey) AND NOT EXISTS (SELECT 1 FROM pg_index p WHERE p.indrelid = c.oid AND p.indisprimary AND a.attnum = ANY (p.indkey))))
		UNION ALL SELECT 'trigger', g.tgname::text, '' FROM pg_trigger g JOIN c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
			AND NOT EXISTS (SELECT 1 FROM pg_trigger p WHERE p.tgrelid = c.parent AND p.tgname = g.tgname)
		UNION ALL SELECT 'RULE', w.rulename::text, '' FROM pg_rewrite w JOIN c ON c.oid = w.ev_class WHERE c.parent = 0 AND (w.ev_type = '2' OR w.ev_type = '3' AND w.ev_enabled IN ('O', 'A'))
		UNION ALL SELECT DISTINCT 'DOMAIN', y.typname::text, '' FROM pg_attribute a JOIN c ON c.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid WHERE c.parent = 0 AND a.attnum > 0 AND y.typtype = 'd'
		UNION ALL SELECT 'PARTITION BY', CASE p.partstrat WHEN 'h' THEN 'hash' WHEN 'l' THEN 'list' ELSE 'range' END || ' without a part for the rest', '' FROM pg_partitioned_table p JOIN c ON c.oid = p.partrelid
			WHERE p.partdefid = 0 AND (p.partstrat <> 'h' OR (SELECT coalesce(sum(1.0 / substring(pg_get_expr(x.relpartbound, x.oid) FROM 'modulus (\d+)')::numeric), 0)
				FROM pg_inherits h JOIN pg_class x ON x.oid = h.inhrelid WHERE h.inhparent = c.oid) < 0.999999)
		UNION ALL SELECT 'NOT NULL', a.attname::text, '' FROM pg_attribute a JOIN c ON c.oid = a.attrelid
			WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
			AND NOT EXISTS (SELECT 1 FROM pg_attribute p WHERE p.attrelid = c.parent AND p.attname = a.attname AND p.attnotnull) ORDER BY 1, 2`, ident)
	if err != nil {
		return nil, s.Wrap(err)
	}
	var what, rule, refers string
	_, err = pgx.ForEachRow(rows, []any{&what, &rule, &refers}, func() error {
		if !own(what, rule, refers) {
			out = append(out, fmt.Sprintf("%s %s on %s", what, rule, name))
		}
		return nil
	})
	if err == nil {
		err = s.atOnce(ctx, conn, ident)
	}
	return out, s.Wrap(err)
}

// atOnce has the constraints and the triggers of a table that wait for the end of the transaction asked at each row.
func (s *Server) atOnce(ctx context.Context, conn *pgx.Conn, ident string) error {
	rows, err := conn.Query(ctx, `SELECT n.nspname::text, k.conname::text FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
		WHERE k.conrelid = ($1::text)::regclass AND k.condeferred ORDER BY 1, 2`, ident)
	if err != nil {
		return err
	}
	var schema, name string
	var names []string
	if _, err = pgx.ForEachRow(rows, []any{&schema, &name}, func() error {
		names = append(names, pgx.Identifier{schema, name}.Sanitize())
		return nil
	}); err != nil || len(names) == 0 {
		return err
	}
	_, err = conn.Exec(ctx, "SET CONSTRAINTS "+strings.Join(names, ", ")+" IMMEDIATE")
	return err
}

// SureKey is how long a key is that every index holds, in bytes: there an entry has room for 2,704. One of more may fit
// all the same: the server packs it.
const SureKey = 2000

// Apart runs fn, which writes with conn, behind a savepoint: what a rule of the database or a limit of the server refuses
// (replay.ErrRule) is taken back alone, and the transaction goes on. Another error of the server ends it. The errors of fn are
// those of Wrap. It costs two trips to the server.
func (s *Server) Apart(ctx context.Context, conn *pgx.Conn, fn func() error) error {
	if _, err := conn.Exec(ctx, "SAVEPOINT exitramp_apart", pgx.QueryExecModeSimpleProtocol); err != nil {
		return s.Wrap(err)
	}
	end, err := "RELEASE SAVEPOINT exitramp_apart", fn()
	switch {
	case errors.Is(err, replay.ErrRule):
		end = "ROLLBACK TO SAVEPOINT exitramp_apart; " + end
	case conn.PgConn().TxStatus() == 'E':
		return err
	}
	if _, err := conn.Exec(ctx, end, pgx.QueryExecModeSimpleProtocol); err != nil {
		return s.Wrap(err)
	}
	return err
}

// PassedOver is the error of a row that was neither written, or deleted, nor refused with a word: a trigger or a RULE of the table passed over it.
func (s *Server) PassedOver() error {
	return fmt.Errorf("%w: %s: a trigger or a RULE passed over it: a row comes or goes only where it is changed or dropped: do that first", replay.ErrRule, s)
}
