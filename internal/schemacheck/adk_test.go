package schemacheck

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// adk reads the tables of an ADK session store, in any of its four dialects, into records. It
// proves the schema; the driver is another matter.
type adk struct {
	t  *testing.T
	db *sql.DB
}

type row struct {
	cols []string
	vals map[string]any // int64, float64, string, []byte, nil
}

func (a *adk) tables() []string {
	return strs(a.t, a.db, "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
}

func strs(t *testing.T, db *sql.DB, q string) (out []string) {
	rows, err := db.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// rows reads values with their storage class: what typeof says, not what a driver makes of it.
func (a *adk) rows(table string) (out []row) {
	cols := strs(a.t, a.db, fmt.Sprintf("SELECT name FROM pragma_table_info(%q)", table))
	var sel []string
	for _, c := range cols {
		sel = append(sel, fmt.Sprintf(`typeof(%q), CASE typeof(%q) WHEN 'text' THEN CAST(%q AS BLOB) ELSE %q END`, c, c, c, c))
	}
	rows, err := a.db.Query("SELECT " + strings.Join(sel, ", ") + fmt.Sprintf(" FROM %q", table))
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		got := make([]any, 2*len(cols))
		ptr := make([]any, len(got))
		for i := range got {
			ptr[i] = &got[i]
		}
		if err := rows.Scan(ptr...); err != nil {
			a.t.Fatal(err)
		}
		r := row{cols, map[string]any{}}
		for i, c := range cols {
			v := got[2*i+1]
			if b, ok := v.([]byte); ok && got[2*i] == "text" {
				v = string(b)
			}
			r.vals[c] = v
		}
		out = append(out, r)
	}
	return out
}

func (r row) str(c string) string { s, _ := r.vals[c].(string); return s }

// native is the row verbatim; columns in over are held elsewhere in the record.
func (r row) native(table string, over map[string]string) []*pb.Native {
	p := &pb.Row{}
	for _, c := range r.cols {
		col := &pb.Column{Name: c}
		switch v := r.vals[c].(type) {
		case int64:
			col.Value = &pb.Column_Integer{Integer: v}
		case float64:
			col.Value = &pb.Column_Real{Real: v}
		case string:
			col.Value = &pb.Column_Text{Text: []byte(v)}
			if over[c] != "" { // text held as bytes of the record: a splice says that it was text
				col.Value = &pb.Column_Splice{Splice: &pb.Splice{Text: true, Pieces: []*pb.Piece{{Body: &pb.Piece_At{At: over[c]}}}}}
			}
		case []byte:
			col.Value = &pb.Column_Blob{Blob: v}
		}
		p.Columns = append(p.Columns, col)
	}
	return []*pb.Native{{Type: table, Body: &pb.Native_Row{Row: p}}}
}

func (a *adk) Records(ctx context.Context, _ *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		e := agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "adk"})
		var later []agentstate.Record
		for _, table := range append([]string{"sessions"}, slices.DeleteFunc(a.tables(), func(s string) bool { return s == "sessions" })...) {
			rs := a.rows(table)
			for i, r := range rs {
				session := []string{r.str("app_name"), r.str("user_id"), r.str("session_id")}
				switch table {
				case "sessions":
					session[2] = r.str("id")
					m := agentstate.Meta("conversation", nil, session...)
					e.Put(&pb.Conversation{Meta: m})
					st := &pb.State{Meta: agentstate.Meta("state", nil, session...), ScopeKey: m.Key, Scope: "session", Value: value(r.vals["state"])}
					st.Meta.Native = r.native(table, at(st.Value, "state"))
					later = append(later, st)
				case "events":
					m := &pb.Message{Meta: agentstate.Meta("message", nil, append(session, r.str("id"))...), ConversationKey: agentstate.Key("conversation", session...), Position: uint64(i + 1), NativeId: r.str("id")}
					m.Meta.Native = r.native(table, nil)
					later = append(later, m)
				case "app_states", "user_states":
					st := &pb.State{Meta: agentstate.Meta("state", nil, table, r.str("app_name"), r.str("user_id")), Scope: strings.TrimSuffix(table, "_states"), Value: value(r.vals["state"])}
					st.Meta.Native = r.native(table, at(st.Value, "state"))
					later = append(later, st)
				default:
					later = append(later, &pb.Opaque{Meta: &pb.Meta{Key: agentstate.Key("opaque", table, fmt.Sprint(r.vals[r.cols[0]])), Native: r.native(table, nil)}})
				}
			}
		}
		for _, r := range later {
			e.Put(r)
		}
		e.End(nil, "conversation", "message", "state", "opaque")
	}
}

func value(v any) *pb.Data {
	s, ok := v.(string)
	if !ok || !json.Valid([]byte(s)) {
		return nil
	}
	return agentstate.Inline("application/json", []byte(s))
}

func at(d *pb.Data, col string) map[string]string {
	if d == nil {
		return nil
	}
	return map[string]string{col: "#value"}
}

// Rows of every ADK dialect go into records, through an archive, and come back exactly.
func TestADKRows(t *testing.T) {
	files, err := filepath.Glob("testdata/adk/*.sqlite")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		db, err := sql.Open("sqlite", "file:"+f+"?mode=ro&immutable=1")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		a := &adk{t, db}
		var buf bytes.Buffer
		w, err := format.NewWriter(&buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := agentstate.Copy(t.Context(), w, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := format.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()), &format.ReaderOptions{Policy: format.IntegrityOnly()})
		if err != nil {
			t.Fatal(err)
		}
		got, refs := back(t, r)
		want := map[string][]map[string]any{}
		for _, table := range a.tables() {
			for _, x := range a.rows(table) {
				want[table] = append(want[table], x.vals)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: rows differ (-want +got):\n%s", f, d)
		}
		if rep.Records["message"] == 0 || rep.Records["state"] == 0 || refs == 0 {
			t.Errorf("%s: %v, %d references", f, rep.Records, refs)
		}
		t.Logf("%s: %v, %d references, none dangling", filepath.Base(f), rep.Records, refs)
	}
}

// back rebuilds the rows, table by table, in the order of the archive, and follows every reference.
func back(t *testing.T, r *format.Reader) (map[string][]map[string]any, int) {
	res := &agentstate.Resolver{Get: r.Get, OpenBlob: r.OpenBlob}
	out, refs := map[string][]map[string]any{}, 0
	for rec, err := range r.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		agentstate.Refs(rec, func(field, key string) {
			refs++
			if _, err := r.Get(t.Context(), key); err != nil {
				t.Errorf("%s %s: %v", rec.GetMeta().Key, field, err)
			}
		})
		for _, n := range rec.GetMeta().GetNative() {
			vals := map[string]any{}
			for _, c := range n.GetRow().GetColumns() {
				if vals[c.Name], err = res.Column(t.Context(), rec, c); err != nil {
					t.Fatal(err)
				}
			}
			out[n.Type] = append(out[n.Type], vals)
		}
	}
	return out, refs
}
