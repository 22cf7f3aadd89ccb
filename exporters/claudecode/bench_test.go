//go:build unix

package claudecode

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
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

// parseLine is the plain peer: what a reader of messages needs of a line, through encoding/json.
func parseLine(b []byte) error {
	var l struct {
		Type, UUID, ParentUUID, Timestamp string
		Message                           struct {
			ID, Role, Model string
			Content         json.RawMessage
		}
	}
	return json.Unmarshal(b, &l)
}

// BenchmarkRead reads 100,000 messages, in one file and in a hundred, the files included, against a plain
// scan of the same files.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	for _, sessions := range []int{1, 100} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			root := b.TempDir()
			var paths []string
			for i := range sessions {
				p := filepath.Join(root, fmt.Sprintf(".claude/projects/-home-dev-shop/0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f%04d.jsonl", i))
				longSession(b, p, n/sessions)
				paths = append(paths, p)
			}
			drivertest.Speed(b, n, "message", func() (int, error) { return drivertest.Lines(paths, parseLine) }, Open(root))
		})
	}
}
