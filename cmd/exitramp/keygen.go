package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/format"
)

func (a *app) keygenCmd() *cobra.Command {
	var out string
	var classic bool
	c := &cobra.Command{
		Use: "keygen [-o FILE]", Short: "Make a key that opens archives",
		Long: `Makes an age identity. Its public key goes to export -r, the file to -i. Keys are post-quantum
hybrid and need age 1.3 or later elsewhere; --classic makes X25519 keys, which older age opens too.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
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
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if os.IsExist(err) {
				return withHint(fmt.Errorf("%s is there already", out), "give another name: a key that is written over is a lost archive")
			}
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			if serr := f.Sync(); err == nil {
				err = serr
			}
			if cerr := f.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				os.Remove(out)
				return err
			}
			fmt.Fprintf(a.stderr, "Public key: %s\n", public)
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the key to `FILE`, readable by you alone")
	c.Flags().BoolVar(&classic, "classic", false, "X25519, which age before 1.3 opens too")
	return c
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
