package homefiles

import (
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

func TestLineTypes(t *testing.T) {
	var l LineTypes
	if l.Unread() != nil {
		t.Error(l.Unread())
	}
	for _, typ := range []string{`"b"`, `"a"`, `"b"`, `""`, ``, `7`, `"` + strings.Repeat("x", 1000) + `"`} {
		l.Add(jsonvalue.Value(typ))
	}
	if got := l.Unread(); len(got) != 1 || got[0].Value != "a 1, b 2, others 1" {
		t.Error(got)
	}
	for i := range 1000 {
		l.Add(fmt.Appendf(nil, `"t%d"`, i))
	}
	if got := l.Unread()[0].Value; len(l) > maxTypes+1 || !strings.Contains(got, "others 9") {
		t.Error(len(l), got)
	}
}
