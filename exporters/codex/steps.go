package codex

import (
	"context"
	"crypto/sha512"
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// supported are the releases whose databases are known, in which migrations they differ.
const supported = "Codex up to 0.171.0"

// Each file is the migrations of one database, as Codex 0.171.0 has them: a line "--- version
// description" before each, and behind it the statements to the byte, since their digest is compared.
// A release puts its own behind those before it and changes none: the database of an older one went
// through the first of them. No statement ever comes from an archive.
//
//go:embed schema/*.sql
var schemas embed.FS

// first is how many migrations a database went through in Codex 0.169.0. Rows of which nothing says
// how many it were are of that one.
func first(name string) int {
	return map[string]int{"state_5": 62, "thread_history_1": 8, "goals_1": 2, "memories_1": 2, "queue_1": 2}[name]
}

// A step is one migration.
type step struct {
	migration
	statements string
}

// nameOf is the name of the schema that a database of this file name has; empty: it is not known.
func nameOf(rel string) string {
	name, ok := strings.CutSuffix(rel, ".sqlite")
	switch {
	case !ok || !slices.Contains(databases(), rel):
		return ""
	case name == "memories_v2_1": // of one form
		return "memories_1"
	}
	return name
}

// stepsOf are the migrations of a database, the first one first; none: its name is not known.
func stepsOf(rel string) (out []step, err error) {
	name := nameOf(rel)
	if name == "" {
		return nil, nil
	}
	file, err := schemas.ReadFile("schema/" + name + ".sql")
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq("\n"+strings.TrimSuffix(string(file), "\n"), "\n--- ") {
		if part == "" {
			continue
		}
		head, text, _ := strings.Cut(part, "\n")
		no, description, _ := strings.Cut(head, " ")
		s := step{migration{description: description, success: 1}, text}
		if s.version, err = strconv.ParseInt(no, 10, 64); err != nil {
			return nil, err
		}
		sum := sha512.Sum384([]byte(text))
		s.checksum = hex.EncodeToString(sum[:])
		out = append(out, s)
	}
	return out, nil
}

// stages are databases after some of their migrations, each made once: it costs a database.
type stages struct {
	mu   sync.Mutex
	made map[stage]*schema // nobody changes one
}

// A stage is a database after its first n migrations.
type stage struct {
	name string
	n    int
}

// at is what a database is after its first n migrations.
func (st *stages) at(ctx context.Context, rel string, n int) (*schema, error) {
	all, err := stepsOf(rel)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	key := stage{nameOf(rel), min(n, len(all))}
	if had := st.made[key]; had != nil {
		return had, nil
	}
	made, err := steppedTo(ctx, key.name, all[:key.n])
	if err != nil {
		return nil, err
	}
	if st.made == nil {
		st.made = map[stage]*schema{}
	}
	st.made[key] = made
	return made, nil
}

// steppedTo makes the schema of a database that went through steps.
func steppedTo(ctx context.Context, name string, steps []step) (*schema, error) {
	statements := []string{createBookkeeping}
	for _, s := range steps {
		statements = append(statements, s.statements, fmt.Sprintf("INSERT INTO %s (version, description, success, checksum, execution_time) VALUES (%d, '%s', 1, x'%s', 0)",
			bookkeeping, s.version, strings.ReplaceAll(s.description, "'", "''"), s.checksum))
	}
	return newSchema(ctx, name, statements)
}

// createBookkeeping is how sqlx makes its own table.
const createBookkeeping = `CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)`
