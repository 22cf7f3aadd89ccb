package secrets

import "testing"

// The rules are read once a process: a run of many drills asks for them in each.
func TestNewIsShared(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := New(); err != nil || a != b {
		t.Errorf("the rules were read again: %v", err)
	}
}
