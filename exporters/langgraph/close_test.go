package langgraph

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Whoever has closed a store does not read or write it by mistake.
func TestClosed(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			s := at.load(t)
			if err := readErr(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, preflight := s.Preflight(t.Context())
			_, plan := s.Begin(t.Context(), &replay.Run{DryRun: true, From: &pb.Origin{}})
			_, undo := drivertest.Undo(t.Context(), s, &replay.Run{}, []replay.Receipt{{Target: "x"}})
			for what, err := range map[string]error{"Records": readErr(t.Context(), s), "Preflight": preflight, "Begin": plan, "Undo": undo} {
				if !errors.Is(err, fs.ErrClosed) {
					t.Errorf("%s after Close: %v", what, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Errorf("a second Close: %v", err)
			}
		})
	}
}
