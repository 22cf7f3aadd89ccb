package claudecode

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// longSession writes a transcript of n messages as the CLI writes them: questions, answers of several
// blocks, calls and results, and bookkeeping between them.
func longSession(b *testing.B, path string, n int) {
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
	parent := "null"
	line := 0
	put := func(typ, message string) {
		line++
		id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", line)
		fmt.Fprintf(out, `{"parentUuid":%s,"isSidechain":false,"userType":"external","cwd":"/home/dev/shop","sessionId":"0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11","version":"2.1.330","gitBranch":"main","type":"%s","message":%s,"uuid":"%s","timestamp":"2026-11-24T02:%02d:%02d.123Z"}`+"\n",
			parent, typ, message, id, line/60%60, line%60)
		parent = `"` + id + `"`
	}
	answer := func(i int, block string) {
		put("assistant", fmt.Sprintf(`{"id":"msg_%d","type":"message","role":"assistant","model":"m-1","content":[%s],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":812,"output_tokens":5}}`, i, block))
	}
	for i := 0; i < n; i += 4 {
		put("user", fmt.Sprintf(`{"role":"user","content":"%d %s"}`, i, text))
		answer(2*i, `{"type":"thinking","thinking":"`+text+`","signature":"`+strings.Repeat("c2lnbmVk", 40)+`"}`)
		answer(2*i, fmt.Sprintf(`{"type":"tool_use","id":"toolu_%d","name":"Bash","input":{"command":"grep -rn \"A-1043\" .","description":"look"}}`, i))
		put("user", fmt.Sprintf(`{"role":"user","content":[{"tool_use_id":"toolu_%d","type":"tool_result","content":"%s","is_error":false}]}`, i, text))
		answer(2*i+1, `{"type":"text","text":"`+text+`"}`)
		fmt.Fprintf(out, `{"type":"last-prompt","leafUuid":%s,"sessionId":"0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11"}`+"\n", parent)
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
				Type, UUID, ParentUUID, Timestamp string
				Message                           struct {
					ID, Role, Model string
					Content         json.RawMessage
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

// BenchmarkRead reads 100,000 messages, in one session and in a hundred, the files included, and says how
// fast that is against a plain scan of the same files in the same run: x-parsed-lines, where each line is
// parsed with encoding/json, and x-split-lines, where lines are only split. 1 is as fast. heap-MiB is
// the most that the heap grew.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	for _, sessions := range []int{1, 100} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			root := b.TempDir()
			var paths []string
			size := int64(0)
			for i := range sessions {
				p := filepath.Join(root, fmt.Sprintf(".claude/projects/-home-dev-shop/0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f%04d.jsonl", i))
				longSession(b, p, n/sessions)
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
