package claudecode

import (
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/callid"
)

// callIDs are the ids of calls in one transcript. The provider takes letters, digits, _ and - in them, and the program
// drops the second call of one id with its result; so it does where only a number behind a _ tells two apart.
func callIDs() *callid.IDs { return &callid.IDs{Legal: callid.Legal, Alike: withoutNumber} }

// withoutNumber is id without a number behind a _; empty: it has none.
func withoutNumber(id string) string {
	if at := strings.LastIndexByte(id, '_'); at > 0 && strings.Trim(id[at+1:], "0123456789") == "" {
		return id[:at]
	}
	return ""
}
