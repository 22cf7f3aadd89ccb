package codex

import (
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
)

func TestUnknownLines(t *testing.T) {
	hometest.UnknownLines(t, func(text string) *memstate.State {
		mem, _ := drivertest.Export(t, home(t, map[string]string{"sessions/rollout-a.jsonl": text}))
		return mem
	}, `{"type":"session_meta","payload":{"id":"x"}}`+"\n", `{"type":"event_msg","payload":{}}`+"\n"+`{"type":"world_state","payload":{}}`+"\n")
}
