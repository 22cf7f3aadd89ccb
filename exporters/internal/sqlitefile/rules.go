package sqlitefile

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// Rules are what may keep rows out of a table, but for its primary key. own tells by kind and name what is the runtime's own, or is
// satisfied by what it writes. Not named is what SQLite checks only where it is told to: foreign keys.
func Rules(ctx context.Context, c *sql.Conn, table string, own func(what, rule string) bool) ([]string, error) {
	rows, err := Query(ctx, c, `SELECT 'UNIQUE', +name FROM pragma_index_list(?1) WHERE "unique" AND origin <> 'pk'
		UNION ALL SELECT 'trigger', +name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE
		UNION ALL SELECT 'NOT NULL', +name FROM pragma_table_info(?1) WHERE "notnull" AND dflt_value IS NULL
		UNION ALL SELECT 'CHECK', +sql FROM sqlite_master WHERE type = 'table' AND name = ?1 AND sql LIKE '%CHECK%(%' ORDER BY 1, 2`, table)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		switch what, rule := Text(r[0]), Text(r[1]); {
		case what == "CHECK": // its name, where it has one, stands in the statement alone
			if checks(rule) {
				out = append(out, "CHECK on "+table)
			}
		case !own(what, rule):
			out = append(out, fmt.Sprintf("%s %s on %s", what, rule, table))
		}
	}
	return out, nil
}

var noWords = lazyre.New("(?s)'[^']*'|\"[^\"]*\"|`[^`]*`|\\[[^\\]]*\\]|--[^\n]*|/\\*.*?(\\*/|$)")

// checks tells whether a statement that makes a table has a CHECK: the word, outside of names, texts and comments.
func checks(statement string) bool {
	plain := noWords().ReplaceAllString(strings.ToUpper(statement), " ")
	words := strings.FieldsFunc(plain, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	return slices.Contains(words, "CHECK")
}
