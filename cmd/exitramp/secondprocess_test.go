package main

import "testing"

// A read-back that was ended by a signal, or got no answer, has not found a target that is otherwise.
func TestReadBackEnded(t *testing.T) {
	if err := readBackEnded(exitDone); err != nil {
		t.Error(err)
	}
	for code, want := range map[int]struct {
		code int
		says string
	}{
		-1:          {exitResume, "the read-back did not come to its end"},
		exitResume:  {exitResume, "the read-back did not come to its end"},
		exitRefused: {exitRefused, "the target was not read back: the second process says why"},
		exitPartial: {exitPartial, "the target was not found as it was written: the read-back says why"},
	} {
		if err := readBackEnded(code); err == nil || err.Error() != want.says || exitCode(err) != want.code {
			t.Errorf("%d: %v, exit code %d", code, err, exitCode(err))
		}
	}
}
