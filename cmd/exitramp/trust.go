package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/format"
)

// maxBundle is more than a signature bundle may have; a reader refuses it by the exact limit.
const maxBundle = 1 << 20

// trustFlags say whose signature an archive needs, and how new it has to be.
type trustFlags struct {
	file        string
	threshold   int
	bundles     []string
	tsa         []string
	lineage     string
	minSequence uint64
	ledger      string
}

func (f *trustFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "trust", "", "`FILE` with public keys in PEM, of which one has to have signed the archive")
	c.Flags().IntVar(&f.threshold, "threshold", 1, "by how many different keys of the trust file it has to be signed")
	c.Flags().StringArrayVar(&f.bundles, "bundle", nil, "signature `FILE` that lies beside the archive; may be given again")
	c.Flags().StringArrayVar(&f.tsa, "tsa-cert", nil, "certificate `FILE` of a time stamp authority: signatures need a time stamp by it (RFC 3161); may be given again")
	c.Flags().StringVar(&f.lineage, "lineage", "", "refuse an archive of another line than `LINEAGE`")
	c.Flags().Uint64Var(&f.minSequence, "min-sequence", 0, "refuse an archive that is older than `N` in its line")
}

// readLedger reads the ledger; one that is not there yet is empty. A ledger of drills does, too: it
// has the archives that were drilled with, and is not written to (note is false). What it may lack is said to warn.
func (f *trustFlags) readLedger(warn io.Writer) (l *format.Ledger, note bool, err error) {
	b, err := os.ReadFile(f.ledger)
	if errors.Is(err, fs.ErrNotExist) {
		return &format.Ledger{}, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	if bytes.HasPrefix(b, []byte("{")) {
		var torn int
		if l, torn, err = drilled(b); torn > 0 {
			fmt.Fprintf(warn, "! %s: line %d stops in its middle, and is no entry: whether it named a newer archive is not known\n", f.ledger, torn)
		}
	} else {
		l, err = format.ParseLedger(bytes.NewReader(b))
		note = true
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", f.ledger, err)
	}
	return l, note, nil
}

// drilled are the newest archives of a ledger of drills, and the line of it that stops in its middle.
func drilled(b []byte) (*format.Ledger, int, error) {
	entries, torn, err := drill.ReadLedger(bytes.NewReader(b))
	if err != nil {
		return nil, 0, &exitError{code: exitRefused, err: err}
	}
	l := &format.Ledger{}
	for _, e := range entries {
		v := &format.Verification{Lineage: e.Lineage, Sequence: e.Sequence}
		if sum, err := hex.DecodeString(e.Archive); err == nil && copy(v.ManifestSHA256[:], sum) == len(v.ManifestSHA256) {
			l.Add(v)
		}
	}
	return l, torn, nil
}

// policy is what the flags ask for: nil where they say nothing. unsigned is the flag, by its
// name, that asks for no signature.
func (f *trustFlags) policy(name string, unsigned bool) (format.Policy, error) {
	switch {
	case f.file == "" && (f.threshold != 1 || len(f.bundles)+len(f.tsa) > 0):
		return nil, usagef("--threshold, --bundle and --tsa-cert need --trust FILE")
	case f.file != "" && unsigned:
		return nil, usagef("--trust asks for a signature and --%s for none: give one of them", name)
	case unsigned:
		return format.IntegrityOnly(), nil
	case f.file == "":
		return nil, nil
	}
	p := &format.Trust{Threshold: f.threshold}
	tf, err := os.Open(f.file)
	if err != nil {
		return nil, err
	}
	defer tf.Close()
	if p.Keys, err = format.ParseTrust(tf); err != nil {
		return nil, fmt.Errorf("%s: %w", f.file, err)
	}
	if f.threshold < 1 {
		return nil, usagef("--threshold %d: want 1 or more", f.threshold)
	}
	if f.threshold > len(p.Keys) {
		return nil, usagef("--threshold %d: %s has %s", f.threshold, f.file, count(len(p.Keys), "key", "keys"))
	}
	if p.TSA, err = readTSA(f.tsa); err != nil {
		return nil, err
	}
	if p.Bundles, err = readBundles(f.bundles); err != nil {
		return nil, err
	}
	return p, nil
}

func readBundles(paths []string) ([][]byte, error) {
	var out [][]byte
	for _, path := range paths {
		fi, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if fi.Size() > maxBundle {
			return nil, fmt.Errorf("%s: %s are no signature bundle", path, bytesText(fi.Size()))
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// signedBy says who signed, in a line.
func signedBy(ks []format.TrustedKey) string {
	var out []string
	for _, k := range ks {
		out = append(out, k.String())
	}
	return "signed by " + strings.Join(out, ", ")
}

func signedByJSON(ks []format.TrustedKey) []map[string]string {
	out := []map[string]string{}
	for _, k := range ks {
		row := map[string]string{"key_id": k.ID, "name": k.Name}
		if !k.Time.IsZero() {
			row["signed_at"] = k.Time.Format(time.RFC3339Nano)
		}
		out = append(out, row)
	}
	return out
}
