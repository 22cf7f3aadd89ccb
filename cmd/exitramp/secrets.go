package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/secrets"
)

// secretsOff is the value of --secrets that scans nothing.
const secretsOff = "off"

func addSecrets(c *cobra.Command, mode *string, byDefault string) {
	c.Flags().StringVar(mode, "secrets", byDefault, "what becomes of keys, tokens and passwords in the text of records: label, redact, refuse, off")
}

// scanned is src with its records scanned; nil where mode says off.
func scanned(src agentstate.Source, mode string) (*secrets.Source, error) {
	if mode == secretsOff {
		return nil, nil
	}
	m, ok := secrets.ParseMode(mode)
	if !ok {
		return nil, usagef("--secrets %s: want label, redact, refuse or off", mode)
	}
	s, err := secrets.New()
	if err != nil {
		return nil, err
	}
	return secrets.Scan(src, s, secrets.Options{Mode: m}), nil
}

// secretsText is what was looked for and found. It never says that there are none.
func secretsText(s *secrets.Summary) string {
	if s == nil {
		return "not scanned"
	}
	places, records := s.Total()
	found := fmt.Sprintf("0 found of %s", clean(s.Rules))
	if places > 0 {
		verb := map[string]string{"redact": "taken out", "refuse": "refused"}[s.Mode]
		if verb == "" {
			verb = "labelled"
		}
		found = fmt.Sprintf("%s %s in %s (%s), of %s", number(places), verb, plural(int(records), "record", "records"), clean(s.Classes().String()), clean(s.Rules))
	}
	if s.BlobsNotScanned > 0 {
		found += fmt.Sprintf("; %s not scanned, of %s", plural(int(s.BlobsNotScanned), "large blob", "large blobs"), clean(strings.Join(s.NotScannedOf, ", ")))
	}
	return found
}

// secretsJSON is s for machines; nil: nobody looked.
func secretsJSON(s *secrets.Summary) any {
	if s == nil {
		return nil
	}
	places, records := s.Total()
	return map[string]any{
		"mode": s.Mode, "rules": s.Rules, "places": places, "records": records, "classes": s.Classes(), "by_kind": s.Found,
		"blobs_not_scanned": s.BlobsNotScanned, "not_scanned_of": s.NotScannedOf, "bytes": s.Bytes,
	}
}
