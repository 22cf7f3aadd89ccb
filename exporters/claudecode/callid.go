package claudecode

import (
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/toolname"
)

// callIDs are the ids of calls in one transcript. The provider takes letters, digits, _ and - in them, and
// the program drops the second call of one id with its result; other runtimes count them anew in each turn.
type callIDs struct {
	used map[string]bool
	bare map[string]bool     // used ones without a number behind a _
	open map[string][]string // of calls without a result yet, by what they were called
	last map[string]string
	next map[string]int // the number to try next behind an id that is used
}

// call is the id of a call that was called id.
func (c *callIDs) call(id string) string {
	if c.used == nil {
		c.used, c.bare, c.open, c.last, c.next = map[string]bool{}, map[string]bool{}, map[string][]string{}, map[string]string{}, map[string]int{}
	}
	legal, _ := toolname.Legal(id)
	as := legal
	for ; c.taken(as); c.next[legal]++ {
		as = fmt.Sprintf("%s-%d", legal, c.next[legal]+2)
	}
	c.used[as], c.open[id], c.last[id] = true, append(c.open[id], as), as
	if b := withoutNumber(as); b != "" {
		c.bare[b] = true
	}
	return as
}

// taken tells whether the program takes id and one that is used for the same: it does so where only a number
// behind a _ tells them apart, whichever of them comes first.
func (c *callIDs) taken(id string) bool { return c.used[id] || c.bare[id] || c.used[withoutNumber(id)] }

// withoutNumber is id without a number behind a _; empty: it has none.
func withoutNumber(id string) string {
	if at := strings.LastIndexByte(id, '_'); at > 0 && strings.Trim(id[at+1:], "0123456789") == "" {
		return id[:at]
	}
	return ""
}

// result is the id of the call that a result for id is of: the first one that has none.
func (c *callIDs) result(id string) string {
	if open := c.open[id]; len(open) > 0 {
		c.open[id] = open[1:]
		return open[0]
	}
	if as, ok := c.last[id]; ok {
		return as
	}
	legal, _ := toolname.Legal(id)
	return legal
}

const otherID = "ids of calls are letters, digits, _ and -, and each is of one call: another stands for it"
