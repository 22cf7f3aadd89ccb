//go:build unix

package codex

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// longRollout writes a rollout of n items as the CLI writes them: questions, thoughts, calls, outputs
// and answers, and the events that repeat them.
func longRollout(b *testing.B, path string, n int) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	defer out.Flush()
	text := strings.Repeat("The jacket's zip is \\\"broken\\\" — I looked into order A-1043 and …\\n", 6)
	line := 0
	put := func(typ, payload string) {
		line++
		fmt.Fprintf(out, `{"timestamp":"2026-11-24T02:%02d:%02d.123Z","ordinal":%d,"type":"%s","payload":%s}`+"\n", line/60%60, line%60, line, typ, payload)
	}
	put("session_meta", `{"id":"01a20b77-5dee-7571-aa95-0ca123ad9621","timestamp":"2026-11-24T02:51:41.000Z","cwd":"/home/dev/shop","originator":"codex_exec","cli_version":"0.169.0","source":"exec","model_provider":"openai"}`)
	for i := 0; i < n; i += 5 {
		put("turn_context", `{"cwd":"/home/dev/shop","approval_policy":"never","sandbox_policy":{"type":"danger-full-access"},"model":"m-1","summary":"auto"}`)
		put("response_item", fmt.Sprintf(`{"type":"message","id":"u_%d","role":"user","content":[{"type":"input_text","text":"%s"}]}`, i, text))
		put("response_item", fmt.Sprintf(`{"type":"reasoning","id":"rs_%d","summary":[{"type":"summary_text","text":"look"}],"encrypted_content":"%s"}`, i, strings.Repeat("c2lnbmVk", 40)))
		put("response_item", fmt.Sprintf(`{"type":"function_call","id":"fc_%d","call_id":"call_%d","name":"exec_command","arguments":"{\"cmd\":\"grep -rn A-1043 .\"}"}`, i, i))
		put("response_item", fmt.Sprintf(`{"type":"function_call_output","call_id":"call_%d","output":"%s"}`, i, text))
		put("response_item", fmt.Sprintf(`{"type":"message","id":"msg_%d","role":"assistant","content":[{"type":"output_text","text":"%s"}]}`, i, text))
		put("event_msg", fmt.Sprintf(`{"type":"item_completed","item":{"type":"AgentMessage","text":"%s"}}`, text))
		put("event_msg", `{"type":"token_count","info":{"total_token_usage":{"input_tokens":10,"cached_input_tokens":2,"output_tokens":5,"total_tokens":15}}}`)
	}
}

// parseLine is the plain peer: what a reader of messages needs of a line, through encoding/json.
func parseLine(b []byte) error {
	var l struct {
		Timestamp, Type string
		Payload         struct {
			Type, ID, Role, Name, Arguments, Output string
			CallID                                  string `json:"call_id"`
			Content                                 []struct{ Type, Text string }
		}
	}
	return json.Unmarshal(b, &l)
}

// BenchmarkRead reads 100,000 messages, in one file and in a hundred, the files included, against a plain
// scan of the same files.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	for _, rollouts := range []int{1, 100} {
		b.Run(fmt.Sprintf("rollouts=%d", rollouts), func(b *testing.B) {
			root := b.TempDir()
			var paths []string
			for i := range rollouts {
				p := filepath.Join(root, fmt.Sprintf("sessions/2026/11/24/rollout-2026-11-24T02-51-41-01a20b77-5dee-7571-aa95-0ca123ad%04d.jsonl", i))
				longRollout(b, p, n/rollouts)
				paths = append(paths, p)
			}
			drivertest.Speed(b, n, "message", func() (int, error) { return drivertest.Lines(paths, parseLine) }, Open(root))
		})
	}
}

// BenchmarkRows reads 100,000 rows of a database against a plain SELECT of the same rows.
func BenchmarkRows(b *testing.B) {
	const n = 100_000
	root := b.TempDir()
	makeDB(b, root, "thread_history_1.sqlite", fmt.Sprintf(`INSERT INTO thread_items (thread_id, turn_id, item_id, rollout_ordinal, created_at_ms, item_json)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 't' || i / 100, 'u' || i / 10, 'i' || i, i, i, '{"type":"AgentMessage","text":"' || hex(zeroblob(150)) || '"}' FROM n`, n))
	if err := os.WriteFile(filepath.Join(root, "AGENTS.md"), []byte("x"), 0o600); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(root, "thread_history_1.sqlite"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	drivertest.Speed(b, n, "opaque", func() (int, error) {
		return drivertest.Select(b.Context(), db, "SELECT * FROM thread_items")
	}, Open(root))
}
