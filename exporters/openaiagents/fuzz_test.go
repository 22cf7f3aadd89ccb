//go:build unix

package openaiagents

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// FuzzItem: whatever an item holds, reading it ends without a panic, in valid text.
func FuzzItem(f *testing.F) {
	for r := range Open("testdata/sdk").Records(context.Background(), nil) {
		if m, ok := r.(*pb.Message); ok && len(m.Meta.Native) == 1 {
			f.Add(m.Meta.Native[0].GetRow().Columns[2].GetText())
		}
	}
	f.Add([]byte(`{"type":"message","role":"user","content":[{"type":"input_text","text":"\ud800"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "x")}
		responses.Read(m, b)
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, memstate.Whole("x", &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}, m), nil); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDocument: whatever a JSON file holds, it is carried whole or named.
func FuzzDocument(f *testing.F) {
	for _, p := range []string{"runstate.paused.json", "js/js.runstate.json", "js/js.session.sess-1.items.json"} {
		b, err := os.ReadFile(filepath.Join("testdata/sdk", p))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		mem := &memstate.State{}
		rep, err := agentstate.Copy(t.Context(), mem, Open(dir), nil)
		if errors.Is(err, ErrSchema) {
			return // nothing of the SDK is in it
		}
		if err != nil {
			t.Fatal(err)
		}
		dst := Open(filepath.Join(t.TempDir(), "copy"))
		apply(t, dst, mem)
		got, err := os.ReadFile(filepath.Join(dst.root, "x.json"))
		if rep.Records["state"]+rep.Records["conversation"] == 1 && (err != nil || string(got) != string(b)) {
			t.Fatalf("%q became %q: %v", b, got, err)
		}
	})
}
