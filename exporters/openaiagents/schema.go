package openaiagents

import (
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// createPair makes a pair of tables as the SDK does, to the letter: its own databases and ours are
// of one schema.
func createPair(d dialect, p pair) []string {
	if d == sqlAlchemy {
		index := d.name(timeIndex(p.Messages))
		p = pair{d.name(p.Sessions), d.name(p.Messages)}
		return []string{
			fmt.Sprintf(`CREATE TABLE %s (
	session_id VARCHAR NOT NULL, 
	created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (session_id)
)`, p.Sessions),
			fmt.Sprintf(`CREATE TABLE %s (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	session_id VARCHAR NOT NULL, 
	message_data TEXT NOT NULL, 
	created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	FOREIGN KEY(session_id) REFERENCES %s (session_id) ON DELETE CASCADE
)`, p.Messages, p.Sessions),
			fmt.Sprintf(`CREATE INDEX %s ON %s (session_id, created_at)`, index, p.Messages),
		}
	}
	p.Sessions = d.name(p.Sessions)
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
                session_id TEXT PRIMARY KEY,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
            )`, p.Sessions),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                session_id TEXT NOT NULL,
                message_data TEXT NOT NULL,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                FOREIGN KEY (session_id) REFERENCES %s (session_id)
                    ON DELETE CASCADE
            )`, p.Messages, p.Sessions),
		fmt.Sprintf(`CREATE INDEX IF NOT EXISTS idx_%s_session_id
            ON %s (session_id, id)
        `, p.Messages, p.Messages),
	}
}

// timeIndex is the SDK's own index of a table of messages, by their sessions.
func timeIndex(messages string) string { return "idx_" + messages + "_session_time" }

// name is n as the library writes it: SQLiteSession with the quotes of its program alone, SQLAlchemy where it is not all of small
// letters. A word of SQL has no underscore, but for a few that begin alike.
func (d dialect) name(n string) string {
	if d == plainSQLite && identifier().MatchString(n) && !reserved(n) || small().MatchString(n) && !strings.HasPrefix(n, "current_") {
		return n
	}
	return quote(n)
}

// reserved tells whether n may be a word of SQL, which is a name within quotes alone.
func reserved(n string) bool {
	return !strings.Contains(n, "_") || strings.HasPrefix(strings.ToLower(n), "current_")
}

var small = lazyre.New(`^[a-z]+_[a-z0-9_]*$`)

// createExtra makes a table of AdvancedSQLiteSession, which belongs to one pair.
func createExtra(table string, p pair) []string {
	p = pair{plainSQLite.name(p.Sessions), plainSQLite.name(p.Messages)}
	switch table {
	case "message_structure":
		return []string{fmt.Sprintf(`CREATE TABLE IF NOT EXISTS message_structure (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                session_id TEXT NOT NULL,
                message_id INTEGER NOT NULL,
                branch_id TEXT NOT NULL DEFAULT 'main',
                message_type TEXT NOT NULL,
                sequence_number INTEGER NOT NULL,
                user_turn_number INTEGER,
                branch_turn_number INTEGER,
                tool_name TEXT,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                FOREIGN KEY (session_id)
                    REFERENCES %s(session_id) ON DELETE CASCADE,
                FOREIGN KEY (message_id)
                    REFERENCES %s(id) ON DELETE CASCADE
            )`, p.Sessions, p.Messages),
			`CREATE INDEX IF NOT EXISTS idx_structure_session_seq
            ON message_structure(session_id, sequence_number)
        `,
			`CREATE INDEX IF NOT EXISTS idx_structure_branch
            ON message_structure(session_id, branch_id)
        `,
			`CREATE INDEX IF NOT EXISTS idx_structure_turn
            ON message_structure(session_id, branch_id, user_turn_number)
        `,
			`CREATE INDEX IF NOT EXISTS idx_structure_branch_seq
            ON message_structure(session_id, branch_id, sequence_number)
        `}
	case "turn_usage":
		return []string{fmt.Sprintf(`CREATE TABLE IF NOT EXISTS turn_usage (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                session_id TEXT NOT NULL,
                branch_id TEXT NOT NULL DEFAULT 'main',
                user_turn_number INTEGER NOT NULL,
                requests INTEGER DEFAULT 0,
                input_tokens INTEGER DEFAULT 0,
                output_tokens INTEGER DEFAULT 0,
                total_tokens INTEGER DEFAULT 0,
                input_tokens_details JSON,
                output_tokens_details JSON,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                FOREIGN KEY (session_id)
                    REFERENCES %s(session_id) ON DELETE CASCADE,
                UNIQUE(session_id, branch_id, user_turn_number)
            )`, p.Sessions),
			`CREATE INDEX IF NOT EXISTS idx_turn_usage_session_turn
            ON turn_usage(session_id, branch_id, user_turn_number)
        `}
	case "branch_reservations":
		return []string{`CREATE TABLE IF NOT EXISTS branch_reservations (
                session_id TEXT NOT NULL,
                branch_id TEXT NOT NULL,
                PRIMARY KEY (session_id, branch_id)
            )`}
	case "session_clear_generations":
		return []string{`CREATE TABLE IF NOT EXISTS session_clear_generations (
                session_id TEXT PRIMARY KEY,
                generation INTEGER NOT NULL DEFAULT 0
            )`}
	}
	return nil // SQLite makes its counters itself
}

// createPostgres makes a pair of tables as SQLAlchemySession does in PostgreSQL. Where the name of the index is longer than
// the server keeps, which would take it for that of another table, the server gives one.
func createPostgres(p *pgPair) []string {
	index := ""
	if name := "idx_" + p.Messages + "_session_time"; len(name) <= 63 {
		index = quote(name)
	}
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	session_id VARCHAR NOT NULL, 
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (session_id)
)`, p.sessions.ident),
		fmt.Sprintf(`CREATE TABLE %s (
	id SERIAL NOT NULL, 
	session_id VARCHAR NOT NULL, 
	message_data TEXT NOT NULL, 
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(session_id) REFERENCES %s (session_id) ON DELETE CASCADE
)`, p.messages.ident, p.sessions.ident),
		fmt.Sprintf(`CREATE INDEX %s ON %s (session_id, created_at)`, index, p.messages.ident),
	}
}
