package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/format"
)

func (a *app) keygenCmd() *cobra.Command {
	var out string
	var classic, sign, ed, asJSON bool
	c := &cobra.Command{
		Use: "keygen [--sign] [-o FILE]", Short: "Make a key that opens archives, or one that signs them",
		Long: `Makes an age identity. Its public key goes to export -r, the file to -i. Keys are post-quantum
hybrid and need age 1.3 or later elsewhere; --classic makes X25519 keys, which older age opens too.

With --sign it makes a signing key, ECDSA on P-256: FILE for sign --key, and FILE.pub, which
others give to verify --trust. Both are PEM, as openssl and cosign read them.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if out == "-" { // as elsewhere: the output, and no file of that name
				out = ""
			}
			switch {
			case sign && classic:
				return usagef("--classic is for keys that open archives, --sign makes one that signs them")
			case ed && !sign:
				return usagef("--ed25519 is for --sign")
			case asJSON && out == "":
				return usagef("--json is for -o FILE: a secret key is not printed as an outcome")
			case sign:
				return a.signingKey(out, ed, asJSON)
			}
			id, public, err := format.GenerateIdentity(classic)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("# created: %s\n# public key: %s\n%s\n", a.now().Format(time.RFC3339), public, id)
			if out == "" {
				fmt.Fprintf(a.stderr, "Public key: %s\n", public)
				_, err := fmt.Fprint(a.stdout, text)
				return err
			}
			if err := newFile(out, text, 0o600); err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"file": out, "public_key": public, "classic": classic, "signs": false})
			}
			fmt.Fprintf(a.stderr, "Public key: %s\n", public)
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the key to `FILE`, readable by you alone")
	c.Flags().BoolVar(&classic, "classic", false, "X25519, which age before 1.3 opens too")
	c.Flags().BoolVar(&sign, "sign", false, "a key that signs archives")
	c.Flags().BoolVar(&asJSON, "json", false, "with -o: the public part, as JSON")
	c.Flags().BoolVar(&ed, "ed25519", false, "with --sign: Ed25519 in place of ECDSA on P-256")
	return c
}

// newFile writes a file of a key, which must not be there yet.
func newFile(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if os.IsExist(err) {
		return withHint(fmt.Errorf("%s is there already", path), "give another name: a key that is written over is a lost archive")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (a *app) driversCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "drivers", Short: "The runtimes that can be opened, by URL", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			type driver struct {
				Scheme string `json:"scheme"`
				URL    string `json:"url"`
			}
			list := []driver{}
			for _, d := range a.drivers.Drivers() {
				list = append(list, driver{d.Scheme, d.URL})
			}
			list = append(list, driver{"archive", "archive:x.ctxa, or x.ctxa"})
			if asJSON {
				return a.printJSON(list)
			}
			for _, d := range list {
				fmt.Fprintf(a.stdout, "%-22s %s\n", d.Scheme, d.URL)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}
