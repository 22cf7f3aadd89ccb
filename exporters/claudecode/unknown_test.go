package claudecode

import (
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
)

func TestUnknownLines(t *testing.T) {
	hometest.UnknownLines(t, func(text string) *memstate.State {
		mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/p/a.jsonl": text}))
		return mem
	}, `{"type":"user","uuid":"a","parentUuid":null,"message":{"role":"user","content":"x"}}`+"\n", `{"type":"mode"}`+"\n"+`{"type":"pr-link"}`+"\n")
}
