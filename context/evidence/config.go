package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Config is the digest of what a drill of a plan is judged by in this release: controls.json, gates.json,
// the plan, statements.json. It is the SHA-256 of what sha256sum prints of these four files, in this order,
// the plan's being called "plan".
func Config(plan Digest) Digest {
	h := sha256.New()
	for _, f := range []struct {
		name string
		data []byte
	}{{"controls.json", controlsJSON}, {"gates.json", gatesJSON}, {"plan", nil}, {"statements.json", statementsJSON}} {
		sum := plan.SHA256
		if f.data != nil {
			one := sha256.Sum256(f.data)
			sum = hex.EncodeToString(one[:])
		}
		fmt.Fprintf(h, "%s  %s\n", sum, f.name)
	}
	return Digest{SHA256: hex.EncodeToString(h.Sum(nil))}
}
