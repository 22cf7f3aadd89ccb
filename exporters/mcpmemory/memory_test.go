//go:build unix

package mcpmemory

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/heappeak"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Memory does not grow with the number of lines: what is remembered of them lies in a file.
func TestFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("20 MB")
	}
	heap := func(lines int) uint64 {
		var b strings.Builder
		for i := range lines {
			fmt.Fprintf(&b, "{\"type\":\"entity\",\"name\":\"thing %d\",\"entityType\":\"thing\",\"observations\":[\"%s\"]}\n", i, strings.Repeat("word ", 60))
		}
		src := write(t, b.String())
		b.Reset()
		n := 0
		high := heappeak.Live(func() {
			for _, err := range src.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
		})
		if n != 2*lines+3 {
			t.Fatal(n)
		}
		return high
	}
	few, many := heap(5_000), heap(60_000)
	t.Logf("heap: %d KiB with 5,000 lines, %d KiB with 60,000", few>>10, many>>10)
	if many > few+10<<20 {
		t.Errorf("it grew by %d MiB", (many-few)>>20)
	}
}

// A line of 100 MB costs no more memory than others, and its names are read.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("100 MB")
	}
	p := filepath.Join(t.TempDir(), "memory.jsonl")
	f, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"type":"entity","name":"Long","entityType":"x","observations":["`)
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range 100 {
		f.Write(chunk)
	}
	fmt.Fprint(f, `"]}`+"\n"+rel)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	g := Open(p)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	names := []string{}
	for r, err := range g.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Entity:
			names = append(names, r.Name)
			if n := r.Meta.Native[0].GetData().GetBlob(); n == nil {
				t.Error("the line is in the record")
			}
		case *pb.Relation:
			names = append(names, r.Type)
		}
	}
	runtime.ReadMemStats(&after)
	if d := cmp.Diff([]string{"Long", "knows"}, names); d != "" {
		t.Error(d)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MiB allocated", n>>20)
	}
	mem, rep := drivertest.Export(t, g)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Error(rep.Verdict)
	}
	dst := Open(filepath.Join(t.TempDir(), "new.jsonl"))
	apply(t, dst, mem)
	a, _ := os.ReadFile(p)
	b, _ := os.ReadFile(dst.path)
	if !bytes.Equal(a, b) {
		t.Error("the copy differs")
	}
}
