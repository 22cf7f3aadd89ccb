package langgraph

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
)

// inlineRoute says how the values were counted a second time.
func (r *reading) inlineRoute() string {
	if r.lay.engine == "postgres" {
		return "count(*) of rows, jsonb_each of values in checkpoints"
	}
	return "second reading, backwards"
}

// countInline counts the values inside checkpoint documents again: on PostgreSQL by the server's
// own functions, on SQLite by reading the table once more, in the opposite order.
func (r *reading) countInline(ctx context.Context) (uint64, error) {
	c := r.lay.t["checkpoints"]
	if r.lay.engine == "postgres" {
		q := "SELECT count(*) FROM (SELECT DISTINCT c.thread_id, c.checkpoint_ns, v.key, c.checkpoint -> 'channel_versions' ->> v.key, " +
			"v.value::text FROM " + c.from("c") +
			", jsonb_each(CASE jsonb_typeof(c.checkpoint -> 'channel_values') WHEN 'object' THEN c.checkpoint -> 'channel_values' ELSE '{}' END) v"
		if b := r.lay.t["checkpoint_blobs"]; b.readable() {
			q += " WHERE NOT EXISTS (SELECT 1 FROM " + b.from("b") + " WHERE b.thread_id = c.thread_id AND b.checkpoint_ns = c.checkpoint_ns" +
				" AND b.channel = v.key AND b.version = c.checkpoint -> 'channel_versions' ->> v.key)"
		}
		rows, err := r.eng.query(ctx, q+") x")
		if err != nil {
			return 0, err
		}
		return uint64(rows[0][0].i), nil
	}
	d := r.eng.(*sqliteDB)
	q := fmt.Sprintf("SELECT +thread_id, +checkpoint_ns, +checkpoint_id, coalesce(type, 'json'), CASE WHEN octet_length(checkpoint) <= %d THEN CAST(checkpoint AS BLOB) ELSE 0 END FROM %s"+
		" ORDER BY thread_id DESC, checkpoint_ns DESC, checkpoint_id DESC", agentstate.SpillSize, c.ident)
	queue := sqlitefile.Ahead(ctx, d.DB, q, func(rows [][]any) []inlined {
		out := make([]inlined, len(rows))
		for i, v := range rows {
			out[i] = inlinedOf(v)
		}
		return out
	})
	defer queue.Close()
	var n uint64
	var last string
	seen := map[hash]bool{}
	for {
		piece, ok, err := queue.Next()
		if !ok {
			return n, d.wrap(err)
		}
		for _, x := range piece {
			if x.long {
				doc, err := d.value(ctx, c, x.key, "checkpoint", 0, -1)
				if err != nil {
					return n, err
				}
				x.look(doc)
			}
			if s := x.key[0].String(); s != last || len(seen) == 0 {
				last, seen = s, map[hash]bool{}
			}
			for _, h := range x.values {
				if !seen[h] {
					seen[h] = true
					n++
				}
			}
		}
	}
}

// inlined are the values inside one checkpoint's document, for counting.
type inlined struct {
	key    []cell
	ser    string
	long   bool // the document was not read, or is none
	values []hash
}

// inlinedOf reads a row of thread, namespace, id, serializer and document.
func inlinedOf(v []any) inlined {
	x := inlined{key: make([]cell, 3)}
	for i := range x.key {
		x.key[i], _ = cellOf(v[i])
	}
	ser, _ := cellOf(v[3])
	x.ser = ser.String()
	if doc, ok := v[4].([]byte); ok {
		x.look(doc)
	} else {
		x.long = true
	}
	return x
}

func (x *inlined) look(doc []byte) {
	cp, err := values.ParseCheckpoint(x.ser, doc)
	if opaque(x.ser) || int64(len(doc)) > maxDoc || err != nil || !tiles(cp, len(doc)) {
		return
	}
	versions := map[string]string{}
	for _, ch := range cp.Channels {
		versions[ch.Name] = ch.Version
	}
	for _, s := range cp.Inline {
		ver, ok := versions[s.Name]
		sum := sha256.Sum256(doc[s.Start:s.End])
		x.values = append(x.values, hashOf(x.key[1].String(), s.Name, ver, string(sum[:]), map[bool]string{true: "v"}[ok]))
	}
}
