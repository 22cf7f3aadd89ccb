package callid

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// most is how long a name may be.
const most = 64

// NameWhy is what a loss says of a name that was changed.
const NameWhy = "providers take letters, digits, _ and - in a tool's name, at most 64: a map (tools) names another"

// Legal is the name of a tool where model providers take it, else one that they take: other characters become _, and what the
// name was decides on the end, so that different names stay different. A conversation with a call of another name is taken by
// the runtime's store, and refused by the provider at the next turn.
func Legal(name string) (legal string, changed bool) {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if name != "" && len(name) <= most && strings.IndexFunc(name, func(r rune) bool { return !ok(r) }) < 0 {
		return name, false
	}
	sum := sha256.Sum256([]byte(name))
	end := "_" + hex.EncodeToString(sum[:4])
	legal = strings.Map(func(r rune) rune {
		if ok(r) {
			return r
		}
		return '_'
	}, name)
	return legal[:min(len(legal), most-len(end))] + end, true
}
