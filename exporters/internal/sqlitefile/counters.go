package sqlitefile

import (
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// Counters are the counters of ids in the databases of a target, which SQLite keeps in the table
// sqlite_sequence: with them the ids of deleted rows are not given again. The zero value is ready.
type Counters struct{ high map[[2]string]int64 }

// Planned notes an id that a plan gives a row, which would raise the counter of its table.
func (c *Counters) Planned(place, table string, id int64) {
	if c.high == nil {
		c.high = map[[2]string]int64{}
	}
	k := [2]string{place, table}
	c.high[k] = max(c.high[k], id)
}

// CounterQuery writes a counter: its parameters are the number and the table's name.
func CounterQuery(there bool) string {
	if there {
		return "UPDATE sqlite_sequence SET seq = ? WHERE name = ?"
	}
	return "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
}

// Answer is what becomes of the counter want of the state, where the target's stands at have. No counter
// is ever lowered: one that rows of the target's own raised stays, which is said. raise tells whether it is
// to be written.
func (c *Counters) Answer(rc replay.Receipt, place, table string, have, want int64) (_ replay.Receipt, raise bool) {
	have = max(have, c.high[[2]string{place, table}])
	if have < want {
		return rc, true
	}
	rc.Action = replay.Same
	if have > want {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "native.seq", Grade: fidelity.Transformed, Why: Counted})
	}
	return rc, false
}

// Counted says why a counter of the target is not that of the state.
const Counted = "ids that the target has given count too: it is never lowered"
