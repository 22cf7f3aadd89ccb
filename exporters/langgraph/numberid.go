package langgraph

import (
	"strings"

	"github.com/exitramp/exitramp/context/fidelity"
)

// numberID says what becomes of a thread whose id an application of JavaScript may give as a number: SQLite makes
// 7.0 of 7 and finds it there again, PostgreSQL makes 7. row is one of its checkpoints; the first one says so.
func (w *writer) numberID(row map[string]cell) []fidelity.Loss {
	if w.lay.lang != javascript || !row["parent_checkpoint_id"].isNull() || row["checkpoint_ns"].String() != "" {
		return nil
	}
	id := row["thread_id"].String()
	n, real := strings.CutSuffix(id, ".0")
	digits := strings.TrimPrefix(n, "-")
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "" || real != (w.lay.engine == "postgres"):
		return nil
	case real:
		return []fidelity.Loss{loss("conversation_key", fidelity.Transformed, "a program that gives this thread id as the number "+n+" found it in SQLite; PostgreSQL looks for the text "+n+": give it as the text "+id)}
	}
	return []fidelity.Loss{loss("conversation_key", fidelity.Equivalent, "a program that gives this thread id as a number found it in PostgreSQL; SQLite looks for "+n+".0: give it as text")}
}
