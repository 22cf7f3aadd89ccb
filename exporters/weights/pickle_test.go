package weights

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// npy is an array of NumPy with elements of a type.
func npy(version byte, descr string) []byte {
	head := "{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }\n"
	b := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	}
	return append(append(b, head...), 0, 0, 0, 0)
}

func zipOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Pickles that lie deeper: behind another file of a ZIP, in arrays of objects, in a compressed file, and in letters.
// What only looks near to one is no gap.
func TestDeepPickles(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("\x80\x04."))
	z.Close()
	floats := npy(1, "'<f4'")
	cut := npy(2, "'<f4'")
	binary.LittleEndian.PutUint32(cut[8:], 1<<31)
	root := t.TempDir()
	for name, b := range map[string][]byte{
		"no/array.npy": floats, "no/wide.npy": npy(2, "[('O', '<f4'), ('n', '<i8')]"), "no/arrays.npz": zipOf(t, map[string][]byte{"a.npy": floats}),
		"no/corpus.zip": zipOf(t, map[string][]byte{"a.txt": []byte("x"), "b.json": []byte("{}")}), "no/vocab": []byte("cat\ndog\nbird\n"), "no/model.h5": []byte("\x89HDF\r\n\x1a\n\x00\x00"),
		"no/log.json.gz": packed.Bytes(), "no/words.txt": []byte("cos\nsystem\n."),
		"yes/objects.npy": npy(1, "'|O'"), "yes/row.npy": npy(3, "[('a', '<f4'), ('b', '|O')]"), "yes/shape.npy": npy(1, "[('shape', '|O')]"), "yes/plain.npy": npy(1, "'O'"), "yes/double.npy": npy(1, `"|O"`), "yes/escape.npy": npy(1, `'\x7cO'`), "yes/cut.npy": cut, "yes/short.npy": []byte("\x93NUMPY\x01"),
		"yes/objects.npz": zipOf(t, map[string][]byte{"a.npy": floats, "b.npy": npy(1, "'|O'")}),
		"yes/bundle.zip":  zipOf(t, map[string][]byte{"a/readme.txt": []byte("x"), "z/model.pkl": []byte(".")}),
		"yes/state":       []byte("cos\nsystem\n(S'true'\ntR."), "yes/dict": []byte("(dp0\nS'a'\np1\nI1\ns."), "yes/one": []byte("}q\x00X\x01\x00\x00\x00aK\x01s."), "yes/model.pkl.gz": packed.Bytes(), "yes/asr.nemo": []byte("x"),
	} {
		put(t, filepath.Join(root, name), b)
	}
	for _, all := range []bool{false, true} {
		_, rep := export(t, Open(root, all))
		var got []string
		for _, g := range rep.Gaps {
			got = append(got, g.Place+" "+g.Reason.String())
		}
		slices.Sort(got)
		var want []string
		for _, name := range []string{"asr.nemo", "bundle.zip", "cut.npy", "dict", "double.npy", "escape.npy", "model.pkl.gz", "objects.npy", "objects.npz", "one", "plain.npy", "row.npy", "shape.npy", "short.npy", "state"} {
			want = append(want, "yes/"+name+" REASON_REFUSED")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}
