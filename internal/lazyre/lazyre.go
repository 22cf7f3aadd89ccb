// Package lazyre has regular expressions that are compiled at their first use: the command links
// every importer, and a call of it uses one or two.
package lazyre

import (
	"regexp"
	"sync"
)

// New is [regexp.MustCompile], called once, when the expression is first used.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
