package pgsnapshot

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Children finds rows of other tables that lead to rows of one by a foreign key. Where such a row is deleted they
// go with it, lose what they say, or keep it from going.
type Children struct {
	conn  *pgx.Conn
	table string
	refs  []reference
}

type reference struct {
	table, on string
	readable  bool
}

// NewChildren looks at the foreign keys that lead to a table, but for those of one other, if it is named. Names are as they stand in SQL.
func NewChildren(ctx context.Context, conn *pgx.Conn, table, but string) (*Children, error) {
	rows, err := conn.Query(ctx, `SELECT c.conrelid::regclass::text,
		has_schema_privilege(r.relnamespace, 'USAGE') AND has_table_privilege(c.conrelid, 'SELECT') AND NOT row_security_active(c.conrelid),
		(SELECT string_agg(format('x.%I = p.%I', a.attname, b.attname), ' AND ') FROM unnest(c.conkey, c.confkey) k(x, p)
			JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.x JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.p)
		FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
		WHERE c.contype = 'f' AND c.confrelid = $1::text::regclass AND c.conrelid <> c.confrelid AND c.conrelid IS DISTINCT FROM to_regclass(nullif($2::text, '')) ORDER BY 1`, table, but)
	if err != nil {
		return nil, err
	}
	refs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reference, err error) {
		return r, row.Scan(&r.table, &r.readable, &r.on)
	})
	return &Children{conn, table, refs}, err
}

// Of is a table with rows that lead to the row for which a condition holds, with p for its table and $1 for the text; empty: there
// are none. A table of which not all rows may be read is taken to have some.
func (c *Children) Of(ctx context.Context, where, text string) (string, error) {
	for _, r := range c.refs {
		there := !r.readable
		if r.readable {
			if err := c.conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+r.table+" x JOIN "+c.table+" p ON "+r.on+" WHERE "+where+")", text).Scan(&there); err != nil {
				return "", err
			}
		}
		if there {
			return r.table, nil
		}
	}
	return "", nil
}
