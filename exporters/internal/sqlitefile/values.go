package sqlitefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
