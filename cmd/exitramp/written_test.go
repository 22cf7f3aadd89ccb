package main

import (
	"testing"

	"github.com/exitramp/exitramp/context/replay"
)

// TestWrittenText: what waits for a person was to be written and is not there; an attempt that wrote nothing left nothing.
func TestWrittenText(t *testing.T) {
	for want, rep := range map[string]*replay.Report{
		"nothing to write":                                         {Actions: map[replay.Action]uint64{replay.Same: 2, replay.Skipped: 4}, Resumed: 6},
		"0 of 1 written, 1 held":                                   {Actions: map[replay.Action]uint64{replay.Held: 1, replay.Skipped: 4}, Resumed: 5},
		"2 of 5 written, 1 conflict, 1 refused, 1 held":            {Actions: map[replay.Action]uint64{replay.Created: 1, replay.Updated: 1, replay.Conflict: 1, replay.Refused: 1, replay.Held: 1}},
		"1 of 1 written; 1 record as an earlier attempt left them": {Actions: map[replay.Action]uint64{replay.Created: 1}, Resumed: 1},
	} {
		if got := writtenText(rep); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
