package drill

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProgramFiles: of a second reader the program and its script are told by their digests, and never what it was
// given to open the archive with.
func TestProgramFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, mode := range map[string]os.FileMode{"reader": 0o755, "python3.12": 0o755, "read.py": 0o644, "read.sh": 0o755, "pw.txt": 0o600, "ops.age": 0o700} {
		if err := os.WriteFile(at(name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("ops.age"), at("link.age")); err != nil {
		t.Fatal(err)
	}
	k := &Keys{Identities: []string{at("ops.age")}, Recipients: []string{"age1"}}
	for name, tc := range map[string]struct{ args, want []string }{
		"passphrase":          {[]string{"reader", "reader", "well", at("pw.txt")}, []string{"reader"}},
		"passphrase first":    {[]string{"reader", at("pw.txt")}, []string{"reader"}},
		"script":              {[]string{"python3.12", at("read.py"), "read", at("pw.txt")}, []string{"python3.12", "read.py"}},
		"executable":          {[]string{"reader", "60", at("read.sh"), at("pw.txt")}, []string{"reader", "read.sh"}},
		"behind an option":    {[]string{"python3.12", "-i", at("read.sh")}, []string{"python3.12"}},
		"option and key":      {[]string{"reader", "-i", at("ops.age")}, []string{"reader"}},
		"key":                 {[]string{"reader", at("ops.age")}, []string{"reader"}},
		"key by another name": {[]string{"python3.12", at("link.age")}, []string{"python3.12"}},
		"no such program":     {[]string{"nosuch", at("read.sh")}, []string{"read.sh"}},
	} {
		tc.args[0] = at(tc.args[0])
		var got []string
		for _, s := range programFiles(tc.args, k) {
			if got = append(got, s.Name); s.Digest.SHA256 != hexSum([]byte(s.Name)) {
				t.Errorf("%s: digest of %s: %q", name, s.Name, s.Digest.SHA256)
			}
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Error(name, d)
		}
	}
}
