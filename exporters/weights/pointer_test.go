package weights

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is not here is named by what it is: pointers of a clone without git-lfs, parts of a model.
func TestNotHere(t *testing.T) {
	const sum = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + sum + "\nsize 4976698672\n"
	root := t.TempDir()
	whole := st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)
	for name, b := range map[string][]byte{
		"m/config.json": []byte(`{"model_type":"x"}`), "m/model-00001-of-00003.safetensors": whole, "m/model-00002-of-00003.safetensors": []byte(pointer),
		"m/tokenizer.json": []byte(strings.ReplaceAll(pointer, "\n", "\r\n")), "m/pytorch_model.bin": []byte(pointer), "m/notes.txt": []byte("version 1 of the notes"),
		"g/q-00002-of-00002.gguf": begin(0, 0).Bytes(),
	} {
		put(t, filepath.Join(root, name), b)
	}
	_, rep := export(t, Open(root, false))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place+" "+g.Reason.String()+" "+g.Detail)
	}
	slices.Sort(got)
	const part = " REASON_GONE a part of a model that its index, its manifest or the name of another part speaks of: it is not here, or of another size"
	is := " REASON_GONE a Git LFS pointer to 4976698672 bytes with sha256 " + sum + ", which are not here: git lfs pull"
	want := []string{"g/q-00001-of-00002.gguf" + part, "m/model-00002-of-00003.safetensors" + is, "m/model-00003-of-00003.safetensors" + part, "m/pytorch_model.bin" + is, "m/tokenizer.json" + is}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Parts are counted once a model, from one or from zero, and what names claim is bounded.
func TestShards(t *testing.T) {
	whole := st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)
	const parts = "-of-00003.safetensors"
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("a%d-00001-of-10000.safetensors", i))
	}
	for name, c := range map[string]struct {
		files []string
		named []string
		more  uint64
	}{
		"from one":               {[]string{"a-00001" + parts, "a-00002" + parts, "a-00003" + parts}, nil, 0},
		"from zero":              {[]string{"a-00000" + parts, "a-00001" + parts, "a-00002" + parts}, nil, 0},
		"from zero, not all":     {[]string{"a-00000" + parts, "a-00002" + parts}, []string{"a-00001" + parts}, 0},
		"one too many":           {[]string{"a-00000" + parts, "a-00001" + parts, "a-00003" + parts}, []string{"a-00002" + parts}, 0},
		"two models":             {[]string{"a-00001" + parts, "b%d-00001" + parts}, []string{"a-00002" + parts, "a-00003" + parts, "b%d-00002" + parts, "b%d-00003" + parts}, 0},
		"more than one model is": {[]string{"a-00001-of-99999.safetensors"}, nil, 0},
		"many":                   {many, nil, 30*9999 - maxMissing},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, f := range c.files {
				put(t, filepath.Join(root, f), whole)
			}
			_, rep := export(t, Open(root, false))
			var got []string
			var more uint64
			for _, g := range rep.Gaps {
				if g.Place == "further parts of models" {
					more = g.Count
				} else {
					got = append(got, g.Place)
				}
			}
			slices.Sort(got)
			if c.more > 0 && len(got) == maxMissing {
				got = nil
			}
			if d := cmp.Diff(c.named, got); d != "" || more != c.more {
				t.Errorf("%s more %d, want %d", d, more, c.more)
			}
		})
	}
}

// A layout whose manifest, or a layer of it, is not there is not a layout without models.
func TestLayoutNotWhole(t *testing.T) {
	root := t.TempDir()
	blob := func(b string) (digest string, size int) {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(b)))
		put(t, filepath.Join(root, "blobs/sha256", sum), []byte(b))
		return "sha256:" + sum, len(b)
	}
	none := strings.Repeat("0", 64)
	here, n := blob("weights")
	manifest, size := blob(fmt.Sprintf(`{"config":{"digest":"%s","size":%d},"layers":[{"digest":"sha256:%s","size":1},{"digest":"%s","size":%d}]}`, here, n, none, here, n+1))
	put(t, filepath.Join(root, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	put(t, filepath.Join(root, "index.json"), []byte(fmt.Sprintf(`{"manifests":[{"digest":"%s","size":%d},{"digest":"sha256:1%s","size":2},{"digest":"blake3:%s%s","size":3}]}`, manifest, size, none[1:], none, none)))
	_, rep := export(t, Open(root, false))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place)
	}
	slices.Sort(got)
	want := []string{"blobs/sha256/" + none, "blobs/sha256/1" + none[1:], "blobs/sha256/" + here[7:], `blobs: "blake3:`}
	slices.Sort(want)
	if len(got) != 4 || !strings.HasPrefix(got[3], want[3]) || !slices.Equal(got[:3], want[:3]) {
		t.Errorf("gaps %q, want %q", got, want)
	}
}

// Odd and real: tensors of no numbers, number formats that were taken back, and one of a later release.
func TestOddHeaders(t *testing.T) {
	b := st(`{"__metadata__":{},"none":{"dtype":"F32","shape":[0,4],"data_offsets":[2,2]},"one":{"dtype":"F16","shape":[],"data_offsets":[0,2]},"first":{"dtype":"F8_E4M3","shape":[0],"data_offsets":[0,0]}} `, 2)
	if h, err := readSafetensors(bytes.NewReader(b), int64(len(b))); err != nil || len(h.Tensors) != 3 {
		t.Errorf("%v %v", h, err)
	}
	one := func(name string, format uint32, offset uint64) []any {
		return []any{name, uint32(1), uint64(32), format, offset}
	}
	b = begin(2, 0).n(append(one("old", 31, 0), one("new", 77, 32)...)...).data(64)
	if h, err := readGGUF(bytes.NewReader(b), int64(len(b))); err != nil || h.Tensors[0].DType != "Q4_0_4_4" || h.Tensors[1].DType != "type 77" {
		t.Errorf("%v %v", h, err)
	}
}
