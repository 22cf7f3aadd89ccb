package report

import (
	"bytes"
	_ "embed"
	"text/template"

	"github.com/exitramp/exitramp/context/evidence"
)

//go:embed verify.md.tmpl
var verifyText string

// verify is VERIFY.md: how to check the pack without exitramp.
func (b *book) verify() ([]byte, error) {
	t, err := template.New(NameVerify).Parse(verifyText)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = t.Execute(&buf, map[string]string{
		"Type": evidence.PredicateType, "Manifest": orNone(b.Archive.ManifestSHA256), "Statement": NameStatement, "Bundle": NameBundle, "Sums": NameSums, "HTML": NameHTML,
		"Word": b.Word(b.gates),
	})
	return buf.Bytes(), err
}
