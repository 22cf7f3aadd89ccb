package langgraph

import "slices"

const shallowSaver = "ShallowPostgresSaver"

// labelShallow is on the Origin of a store of that saver. Like all labels of tables, inspect shows it.
const labelShallow = shallowSaver + " tables"

const noHistory = "hold the newest checkpoint of a thread alone: there is no history to carry, and rows are as PostgresSaver has them"

// deepen makes the tables of Python's deprecated ShallowPostgresSaver look like those of PostgresSaver,
// with one checkpoint a thread and namespace. The document has what its rows lack: the checkpoint's id, and
// the versions of channels.
func (l *layout) deepen() {
	c, b, w := l.t["checkpoints"], l.t["checkpoint_blobs"], l.t["checkpoint_writes"]
	if l.engine != "postgres" || c == nil || b == nil || w == nil || c.col("checkpoint_id") >= 0 || c.col("parent_checkpoint_id") >= 0 || b.col("version") >= 0 ||
		!slices.Equal(c.key, []string{"thread_id", "checkpoint_ns"}) || !slices.Equal(b.key, []string{"thread_id", "checkpoint_ns", "channel"}) {
		return
	}
	l.shallow = true
	text := func(name string) column { return column{name: name, typ: "text", full: "text"} }
	const same = " x WHERE x.thread_id = t.thread_id AND x.checkpoint_ns = t.checkpoint_ns"
	parent, version := "NULL::text", "''" // which is all that is known where the other table is denied
	if w.readable() {
		// Below version 4 the sends that wait are writes of the checkpoint before, which are still there.
		parent = "CASE WHEN t.checkpoint ->> 'v' IN ('1','2','3') THEN (SELECT max(x.checkpoint_id::text) FROM " +
			w.ident + same + " AND x.channel = '" + channelSends + "' AND x.checkpoint_id::text <> t.checkpoint ->> 'id') END"
	}
	if c.readable() {
		version = "coalesce((SELECT x.checkpoint -> 'channel_versions' ->> t.channel FROM " + c.ident + same + "), '')"
	}
	c.view = "SELECT t.*, t.checkpoint ->> 'id' AS checkpoint_id, " + parent + " AS parent_checkpoint_id FROM " + c.ident + " t"
	c.cols = append(c.cols, text("checkpoint_id"), text("parent_checkpoint_id"))
	b.view = "SELECT t.*, " + version + " AS version FROM " + b.ident + " t"
	b.cols = append(b.cols, text("version"))
	c.key, b.key = keyColumns(c.name, false), keyColumns(b.name, false)
}
