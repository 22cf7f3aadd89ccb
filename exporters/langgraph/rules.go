package langgraph

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// ownRules finds, for a plan, what may keep rows out of the target and is not the library's.
func (w *writer) ownRules(ctx context.Context) error {
	if !w.run.DryRun || w.d == nil || len(w.lay.t) == 0 {
		return nil
	}
	flavor := w.lay.flavor()
	known := map[string]*table{}
	for _, g := range []tableGroup{checkpointTables, storeTables} {
		maps.Copy(known, tablesOf(flavor, g, newestVersion, nil))
	}
	fills := func(table, column string) bool {
		t := known[table]
		return t == nil || t.col(column) >= 0
	}
	found, err := w.d.rules(ctx, w.lay.t, ownName(flavor), fills)
	for _, r := range found {
		w.rules = append(w.rules, valid(r))
	}
	return err
}

// Rules are the target's own, in a plan.
func (w *writer) Rules() []string { return w.rules }

// rules leaves out keys of the library's own: the primary ones, and that of vectors to their items. A RULE for UPDATE is
// named, even one that is disabled: no INSERT with ON CONFLICT goes past it.
func (d *postgresDest) rules(ctx context.Context, ts map[string]*table, own func(string) bool, fills func(table, column string) bool) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		rows, err := d.query(ctx, `WITH c AS (SELECT (?::text)::regclass::oid AS oid)
			SELECT CASE k.contype WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'FOREIGN KEY' ELSE 'EXCLUDE' END, k.conname::text, coalesce(r.relname::text, '')
				FROM pg_constraint k JOIN c ON c.oid = k.conrelid LEFT JOIN pg_class r ON r.oid = k.confrelid WHERE k.contype IN ('c', 'f', 'x')
			UNION ALL SELECT 'UNIQUE', x.relname::text, '' FROM pg_index i JOIN c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indisunique AND NOT i.indisprimary
			UNION ALL SELECT 'trigger', g.tgname::text, '' FROM pg_trigger g JOIN c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
			UNION ALL SELECT 'RULE', w.rulename::text, '' FROM pg_rewrite w JOIN c ON c.oid = w.ev_class WHERE w.ev_type = '2' OR w.ev_type = '3' AND w.ev_enabled IN ('O', 'A')
			UNION ALL SELECT DISTINCT 'DOMAIN', y.typname::text, '' FROM pg_attribute a JOIN c ON c.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid WHERE a.attnum > 0 AND y.typtype = 'd'
			UNION ALL SELECT 'NOT NULL', a.attname::text, '' FROM pg_attribute a JOIN c ON c.oid = a.attrelid
				WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' ORDER BY 1, 2`, ts[name].ident)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			what, rule := r[0].String(), r[1].String()
			if own(rule) || what == "NOT NULL" && fills(name, rule) || what == "FOREIGN KEY" && name == "store_vectors" && r[2].String() == "store" {
				continue
			}
			out = append(out, fmt.Sprintf("%s %s on %s", what, rule, name))
		}
	}
	return out, nil
}

// rules does not name what SQLite checks only where it is told to: foreign keys.
func (d *sqliteDest) rules(ctx context.Context, ts map[string]*table, own func(string) bool, fills func(table, column string) bool) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		rows, err := d.query(ctx, `SELECT 'UNIQUE', +name FROM pragma_index_list(?1) WHERE "unique" AND origin <> 'pk'
			UNION ALL SELECT 'trigger', +name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE
			UNION ALL SELECT 'NOT NULL', +name FROM pragma_table_xinfo(?1) WHERE "notnull" AND dflt_value IS NULL
			UNION ALL SELECT 'CHECK', +sql FROM sqlite_master WHERE type = 'table' AND name = ?1 AND sql LIKE '%CHECK%(%' ORDER BY 1, 2`, name)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			switch what, rule := r[0].String(), r[1].String(); {
			case own(rule), what == "NOT NULL" && fills(name, rule):
			case what == "CHECK": // its name, where it has one, stands in the statement alone
				if checks(rule) {
					out = append(out, "CHECK on "+name)
				}
			default:
				out = append(out, fmt.Sprintf("%s %s on %s", what, rule, name))
			}
		}
	}
	return out, nil
}

// checks tells whether a statement that makes a table has a CHECK: the word, outside of names, texts and comments.
func checks(statement string) bool {
	plain := regexp.MustCompile("(?s)'[^']*'|\"[^\"]*\"|`[^`]*`|\\[[^\\]]*\\]|--[^\n]*|/\\*.*?(\\*/|$)").ReplaceAllString(strings.ToUpper(statement), " ")
	words := strings.FieldsFunc(plain, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	return slices.Contains(words, "CHECK")
}
