package diskmap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// TestAgainstMap: whatever is done, it answers as a Go map does.
func TestAgainstMap(t *testing.T) {
	for _, mem := range []int{mostSlots, firstSlots, 16} { // the second has its index in files, the third in many
		t.Run(strconv.Itoa(mem), func(t *testing.T) { againstMap(t, mem) })
	}
}

func againstMap(t *testing.T, mem int) {
	m, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m.index.most = mem
	m.index.recent = m.index.recent[:min(mem, len(m.index.recent))]
	want := map[string][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		k := fmt.Sprintf("memory/%d", r.IntN(6000))
		if r.IntN(3) == 0 {
			v, ok, err := m.Get(k)
			w, in := want[k]
			if err != nil || ok != in || !bytes.Equal(v, w) {
				t.Fatalf("%s: %q %v %v, want %q %v", k, v, ok, err, w, in)
			}
			continue
		}
		n := r.IntN(200)
		if r.IntN(500) == 0 {
			n = bufSize + r.IntN(1000)
		}
		v := bytes.Repeat([]byte{byte(r.Uint32())}, n)
		if r.IntN(4) == 0 {
			_, in := want[k]
			if added, err := m.Add(k, v); err != nil || added == in {
				t.Fatalf("%s: added %v, %v; it was there: %v", k, added, err, in)
			}
			if in {
				continue
			}
		} else if err := m.Put(k, v); err != nil {
			t.Fatal(err)
		}
		want[k] = v
	}
	if disk := len(m.index.runs) > 0; disk != (mem != mostSlots) {
		t.Errorf("%d runs of the index", len(m.index.runs))
	}
	if m.Len() != len(want) {
		t.Errorf("%d keys, want %d", m.Len(), len(want))
	}
	for k, w := range want {
		if v, ok, err := m.Get(k); err != nil || !ok || !bytes.Equal(v, w) {
			t.Fatalf("%s: %v %v", k, ok, err)
		}
	}
	var order []string
	for e, err := range m.All() {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, e.Key+string(e.Value))
		if w, ok := want[e.Key]; !ok || !bytes.Equal(e.Value, w) {
			t.Fatalf("All yields %s with another value, or twice", e.Key)
		}
		delete(want, e.Key)
	}
	if len(want) > 0 {
		t.Errorf("All leaves out %d keys", len(want))
	}
	for e, err := range m.Backward() {
		if n := len(order) - 1; err != nil || n < 0 || order[n] != e.Key+string(e.Value) {
			t.Fatalf("Backward yields %s as the last but %d: %v", e.Key, n, err)
		}
		order = order[:len(order)-1]
	}
	if len(order) > 0 {
		t.Errorf("Backward leaves out %d keys", len(order))
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestInOrder: what is read ahead for those who ask in the order of the log is what was written, while
// the log grows and keys get other values.
func TestInOrder(t *testing.T) {
	m, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const keys = 20_000
	val := func(i, round int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), byte(round)}, i%97) }
	put := func(i, round int) {
		if err := m.Put(fmt.Sprint("k", i), val(i, round)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range keys {
		put(i, 0)
	}
	for round := range 3 {
		var kept [][]byte
		for i := range keys {
			v, ok, err := m.Get(fmt.Sprint("k", i))
			if err != nil || !ok {
				t.Fatal(i, ok, err)
			}
			kept = append(kept, v)
			put(i, round+1)
		}
		if len(m.log.readers[0].ahead) == 0 {
			t.Error("nothing was read ahead")
		}
		for i, v := range kept { // a value stays as it was, whatever is read after it
			if !bytes.Equal(v, val(i, round)) {
				t.Fatalf("round %d: k%d holds %x", round, i, v)
			}
		}
	}
}

// TestNothingIsLeft: no name in the folder, and no word of what it holds in the file.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	m, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	secret := bytes.Repeat([]byte("door code 4711 "), bufSize/10)
	if err := m.Put("memory/ada", secret); err != nil {
		t.Fatal(err)
	}
	if m.log.flushed == 0 {
		t.Fatal("nothing was written")
	}
	if es, _ := os.ReadDir(dir); len(es) > 0 && !m.log.file.named {
		t.Errorf("%v is left", es)
	}
	raw := make([]byte, m.log.flushed)
	if _, err := m.log.file.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("door code")) || bytes.Contains(raw, []byte("memory/ada")) {
		t.Error("the file holds its content in the clear")
	}
	if v, ok, err := m.Get("memory/ada"); err != nil || !ok || !bytes.Equal(v, secret) {
		t.Error(ok, err)
	}
}

func TestNoFolder(t *testing.T) {
	if _, err := New(t.TempDir() + "/none"); err == nil {
		t.Error("no error")
	}
}

func BenchmarkPutGet(b *testing.B) {
	m, err := New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	v := make([]byte, 150)
	for i := 0; b.Loop(); i++ {
		k := fmt.Sprintf("memory/%09d", i)
		if err := m.Put(k, v); err != nil {
			b.Fatal(err)
		}
		if _, _, err := m.Get(fmt.Sprintf("memory/%09d", i/2)); err != nil {
			b.Fatal(err)
		}
	}
}
