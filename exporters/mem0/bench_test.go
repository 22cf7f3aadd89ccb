//go:build unix

package mem0

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// benchMemories is how many memories the benchmarks read, benchDims how many numbers each vector has:
// as a small embedder gives.
const (
	benchMemories = 100_000
	benchDims     = 384
)

// benchStore makes a store of one collection.
func benchStore(b *testing.B, python bool) (dir, file, table string) {
	b.Helper()
	dir, file, table = b.TempDir(), "vector_store.db", "vectors"
	if python {
		file, table = "qdrant/collection/mem0/storage.sqlite", "points"
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
			b.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, file)+"?_pragma=synchronous(0)&_pragma=journal_mode(off)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range []string{create(form(table), table), "BEGIN"} {
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	marks := "(?, ?, ?)"
	if python {
		marks = "(?, ?)"
	}
	st, err := db.Prepare("INSERT INTO " + table + " VALUES " + marks)
	if err != nil {
		b.Fatal(err)
	}
	nums := make([]float64, benchDims)
	for i := range benchMemories {
		id := madeID(fmt.Sprint(i))
		text := fmt.Sprintf("Customer %d prefers short answers, and asked for an invoice in April about order O-%d.", i%997, i)
		payload := fmt.Sprintf(`{"category":"profile","score":%d,"user_id":"user-%d","data":%q,"hash":"410d35dfbdb8e08e01c7ad06aa996284","textLemmatized":%q,"createdAt":"2026-11-23T02:55:19.463Z","updatedAt":"2026-11-23T02:55:19.498Z"}`, i%10, i%997, text, text)
		var vec []byte
		for j := range nums {
			nums[j] = math.Sin(float64(i*benchDims + j))
			vec = binary.LittleEndian.AppendUint32(vec, math.Float32bits(float32(nums[j])))
		}
		args := []any{id, vec, payload}
		if python {
			p, err := picklePoint(id, nums, []byte(payload))
			if err != nil {
				b.Fatal(err)
			}
			args = []any{rowKey(id), p}
		}
		if _, err := st.Exec(args...); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := db.Exec("COMMIT"); err != nil {
		b.Fatal(err)
	}
	return dir, file, table
}

// BenchmarkRead reads a store against a plain SELECT of its rows.
func BenchmarkRead(b *testing.B) {
	for _, at := range []string{"js", "python"} {
		b.Run(at, func(b *testing.B) {
			dir, file, table := benchStore(b, at == "python")
			db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, file)+"?mode=ro")
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			drivertest.Speed(b, benchMemories, "memory", func() (int, error) {
				return drivertest.Select(b.Context(), db, "SELECT * FROM "+table+" ORDER BY rowid")
			}, Open(dir))
		})
	}
}
