package main

import (
	"slices"
	"testing"
)

// TestRedactArgs: what was typed stands in statements and reports, and no secret does.
func TestRedactArgs(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"postgres://u:canary@h/db", "postgres://u:xxxxx@h/db"},
		{"--status=https://u:canary@h/db", "--status=https://u:xxxxx@h/db"},
		{"mem0:store?token=canary", "mem0:store?token=xxxxx"},
		{"--target=mem0:store?token=canary", "--target=mem0:store?token=xxxxx"},
		{"langgraph+postgres:u:canary@h/db", "langgraph+postgres:…"},
		{"-iAGE-SECRET-KEY-canary", "…"},
		{"--identity=age-secret-key-canary", "--identity=…"},
		{"mem0:store?flavor=js", "mem0:store?flavor=js"},
		{"langgraph+sqlite:/data/s.sqlite", "langgraph+sqlite:/data/s.sqlite"},
		{"/data/what now?.yaml", "/data/what now?.yaml"},
		{`C:\plans\q4.yaml`, `C:\plans\q4.yaml`},
		{"--where=memory:space=a?", "--where=memory:space=a?"},
	} {
		if got := redactArgs([]string{"drill", c.typed}); !slices.Equal(got, []string{"drill", c.want}) {
			t.Errorf("%s: %q, want %s", c.typed, got, c.want)
		}
	}
}
