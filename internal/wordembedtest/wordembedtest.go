// Package wordembedtest has an embedder for tests that is a real program: a text's vector is the sum of
// its words' vectors, each of which is made of a hash of the word. Texts that share words are near.
package wordembedtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
)

// Dimensions are the numbers in a vector.
const Dimensions = 16

// Vector is the vector of text, made with the model called model.
func Vector(model, text string) []float32 {
	out := make([]float32, Dimensions)
	for _, w := range append(strings.Fields(strings.ToLower(text)), "") {
		for i := range out {
			h := fnv.New64a()
			fmt.Fprintf(h, "%s %s %d", model, w, i)
			b := binary.LittleEndian.AppendUint64(nil, h.Sum64())
			out[i] += float32(int8(b[3])) / 128
		}
	}
	return out
}

// Embedder makes vectors inside of a test. A text with the word unembeddable is refused.
type Embedder struct{ Model string }

// Embed answers for each text.
func (e Embedder) Embed(_ context.Context, texts []string) ([]embed.Answer, error) {
	var out []embed.Answer
	for _, t := range texts {
		if strings.Contains(t, "unembeddable") {
			out = append(out, embed.Answer{Why: "too long"})
		} else {
			out = append(out, embed.Answer{Vector: Vector(e.Model, t)})
		}
	}
	return out, nil
}

// Main speaks the protocol of docs/embedder.md. args are the name of the model, and what it does wrong:
// "none" refuses every text, "die" ends after 40 texts, "short" forgets a number, "head" says nothing
// of itself first, "hang" says nothing after 40 texts, "zero" and "other" answer wrongly. A text with the word unembeddable is always refused.
func Main(args []string, in io.Reader, out io.Writer) error {
	model, fault := "words-1", ""
	if len(args) > 0 {
		model = args[0]
	}
	if len(args) > 1 {
		fault = args[1]
	}
	if fault == "head" {
		fmt.Fprintln(out, "loading the model, please wait")
	}
	fmt.Fprintf(out, "{\"model\":%q,\"dimensions\":%d}\n", model, Dimensions)
	r := bufio.NewReader(in)
	for n := 0; ; {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		var q struct{ ID, Text string }
		if err := json.Unmarshal(line, &q); err != nil {
			return err
		}
		n++
		a := map[string]any{"id": q.ID, "vector": Vector(model, q.Text)}
		switch {
		case fault == "die" && n > 40:
			return fmt.Errorf("out of memory")
		case fault == "hang" && n > 40:
			time.Sleep(time.Hour) // it is killed before
		case fault == "none", strings.Contains(q.Text, "unembeddable"):
			a = map[string]any{"id": q.ID, "error": "9000 tokens,\n at most 512"}
		case fault == "short":
			a["vector"] = Vector(model, q.Text)[1:]
		case fault == "zero":
			a["vector"] = make([]float32, Dimensions)
		case fault == "other":
			a["id"] = "x" + q.ID
		}
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", b); err != nil {
			return err
		}
	}
}

// Source is src with vectors of the model words-1, kept until the test ends.
func Source(t testing.TB, src agentstate.Source) *embed.Source {
	t.Helper()
	keep, err := embed.OpenVectors(filepath.Join(t.TempDir(), "v"), embed.Model{Name: "words-1", Dimensions: Dimensions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keep.Close() })
	s, err := embed.NewSource(src, Embedder{Model: "words-1"}, keep)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
