package sqlitefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/replay"
)

// Text is a value as text: ids are text, unless somebody wrote a number. Bytes and NULL stay apart from
// texts that look like them.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return "\x00blob:" + string(v)
	case nil:
		return "\x00null"
	}
	return fmt.Sprint(v)
}

// Conflict is the receipt of a row under whose key another one is: in what columns they differ.
func Conflict(table string, cols []string, have, want []any) replay.Receipt {
	var differ []string
	for i, c := range cols {
		if Digest(have[i]) != Digest(want[i]) {
			differ = append(differ, c)
		}
	}
	return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("table %s holds another row under this key: want and got differ in %s", table, strings.Join(differ, ", "))}
}

// Digest is the mark of values, with the storage class of each.
func Digest(vals ...any) string {
	h := sha256.New()
	for _, v := range vals {
		var b []byte
		switch v := v.(type) {
		case []byte: // of many megabytes
			b = v
		case string:
			b = []byte(v)
		default:
			b = fmt.Append(nil, v)
		}
		fmt.Fprintf(h, "%T %d:", v, len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
