//go:build unix

package codex

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
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

// scanLines is the plain peer: each line of the files on its own, and, unless it only splits, what a
// reader of messages needs of it through encoding/json.
func scanLines(b *testing.B, paths []string, parse bool) time.Duration {
	b.Helper()
	start := time.Now()
	n := 0
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			b.Fatal(err)
		}
		in := bufio.NewScanner(f)
		in.Buffer(make([]byte, 64<<10), 64<<20)
		for in.Scan() {
			if n++; !parse {
				continue
			}
			var l struct {
				Timestamp, Type string
				Payload         struct {
					Type, ID, Role, Name, Arguments, Output string
					CallID                                  string `json:"call_id"`
					Content                                 []struct{ Type, Text string }
				}
			}
			if err := json.Unmarshal(in.Bytes(), &l); err != nil {
				b.Fatal(err)
			}
		}
		if in.Err() != nil {
			b.Fatal(in.Err())
		}
		f.Close()
	}
	if n == 0 {
		b.Fatal("no lines")
	}
	return time.Since(start)
}

// BenchmarkRead reads 100,000 items, in one rollout and in a hundred, the files included, and says how
// fast that is against a plain scan of the same files in the same run: x-parsed-lines, where each line is
// parsed with encoding/json, and x-split-lines, where lines are only split. 1 is as fast. heap-MiB is
// the most that the heap grew.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	for _, rollouts := range []int{1, 100} {
		b.Run(fmt.Sprintf("rollouts=%d", rollouts), func(b *testing.B) {
			root := b.TempDir()
			var paths []string
			size := int64(0)
			for i := range rollouts {
				p := filepath.Join(root, fmt.Sprintf("sessions/2026/11/24/rollout-2026-11-24T02-51-41-01a20b77-5dee-7571-aa95-0ca123ad%04d.jsonl", i))
				longRollout(b, p, n/rollouts)
				st, err := os.Stat(p)
				if err != nil {
					b.Fatal(err)
				}
				paths, size = append(paths, p), size+st.Size()
			}
			b.SetBytes(size)
			const never = time.Duration(1<<63 - 1)
			ours, parsed, split := never, never, never // the best of the rounds: other programs disturb
			var peak uint64
			for b.Loop() {
				parsed = min(parsed, scanLines(b, paths, true))
				split = min(split, scanLines(b, paths, false))
				took, heap := readOnce(b, root, n)
				ours, peak = min(ours, took), max(peak, heap)
			}
			b.ReportMetric(float64(n)/ours.Seconds(), "messages/s")
			b.ReportMetric(parsed.Seconds()/ours.Seconds(), "x-parsed-lines")
			b.ReportMetric(split.Seconds()/ours.Seconds(), "x-split-lines")
			b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
		})
	}
}

// readOnce reads the home root, in which n messages are.
func readOnce(b *testing.B, root string, n int) (took time.Duration, heap uint64) {
	b.Helper()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	h := Open(root)
	messages := 0
	for r, err := range h.Records(b.Context(), nil) {
		if err != nil {
			b.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Conversation:
			x := r.Meta.Native[0].GetData().GetBlob()
			if x == nil {
				continue
			}
			body, err := h.OpenBlob(b.Context(), x)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
		case *pb.Message:
			if messages++; messages%10_000 == 0 {
				runtime.ReadMemStats(&now)
				heap = max(heap, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
		}
	}
	if messages != n {
		b.Fatalf("%d messages", messages)
	}
	return time.Since(start), heap
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
	exportertest.Speed(b, n, "opaque", func() (int, error) {
		db, err := sql.Open("sqlite", filepath.Join(root, "thread_history_1.sqlite"))
		if err != nil {
			return 0, err
		}
		defer db.Close()
		rows, err := db.Query("SELECT * FROM thread_items")
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		names, _ := rows.Columns()
		v, p := make([]any, len(names)), make([]any, len(names))
		for i := range v {
			p[i] = &v[i]
		}
		k := 0
		for ; rows.Next(); k++ {
			if err := rows.Scan(p...); err != nil {
				return k, err
			}
		}
		return k, rows.Err()
	}, Open(root))
}
