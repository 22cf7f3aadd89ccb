package values

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestJoinIsDue: a join is due when all nodes that stand in its name have ended. The library joins the names as they were
// given, one that was given twice too, and keeps a set of those that ended.
func TestJoinIsDue(t *testing.T) {
	many := slices.Repeat([]string{"node"}, 1<<13)
	for _, c := range []struct {
		channel string
		ended   []string
		want    bool
	}{
		{"join:a+b:z", []string{"b", "a"}, true},
		{"join:a+b:z", []string{"a"}, false},
		{"join:a+b:z", nil, false},
		{"join:a+a:z", []string{"a"}, true},
		{"join:a+b+a:z", []string{"b", "a"}, true},
		{"join:a+b+a:z", []string{"a"}, false},
		{"join:a+a+b+b:z", []string{"b", "a+a"}, true}, // a name with the sign in it
		{"join:a+b+c+a+b:z", []string{"a", "a+b", "b+c"}, true},
		{"join:ab+a:z", []string{"a"}, false},
		{"join:a:z", []string{"a"}, true},
		{"join:" + strings.Join(many, "+") + ":z", many, true},
		{"join:" + strings.Join(many, "+") + ":z", many[1:], false},
	} {
		b, err := json.Marshal(c.ended)
		if err != nil {
			t.Fatal(err)
		}
		if got := Due(c.channel, "json", b); got != c.want {
			t.Errorf("%.40s after %.40v: %v", c.channel, c.ended, got)
		}
	}
}

// TestJoinCost: names that are long and begin alike cost no more than others.
func TestJoinCost(t *testing.T) {
	var names []string
	for i := range 2000 {
		names = append(names, strings.Repeat("a+", i)+"a")
	}
	start := time.Now()
	if spelled(strings.Repeat("a+", 4000)+"b", names) {
		t.Error("nobody waited for b")
	}
	if d := time.Since(start); d > time.Second {
		t.Error(d)
	}
}
