package evidence_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

func TestSalt(t *testing.T) {
	a, b := evidence.NewSalt(), evidence.NewSalt()
	x := a.Hide("x")
	if a == b || x != a.Hide("x") || a.Hide("x") == a.Hide("y") || a.Hide("x") == b.Hide("x") || len(a.Hide("")) != 32 {
		t.Error(a.Hide("x"), b.Hide("x"), a.Hide("y"))
	}
}
