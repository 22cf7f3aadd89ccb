package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/exporters/agentcore"
	"github.com/exitramp/exitramp/exporters/langgraph"
)

// TestLastingCode: a script that goes on after 75 does not try for ever what a person has to mend.
func TestLastingCode(t *testing.T) {
	for err, want := range map[error]int{
		agentstate.ErrUnanswered: exitResume,
		langgraph.ErrUnreachable: exitResume,
		langgraph.ErrLogin:       exitOther,
		agentcore.ErrLogin:       exitOther,
		agentcore.ErrBusy:        exitResume,
	} {
		err = fmt.Errorf("source: %w", err)
		if got := exitCode(err); got != want || hintOf(err) != "" != (want == exitResume) {
			t.Errorf("%v: %d, want %d, with the hint %q", err, got, want, hintOf(err))
		}
	}
}

// TestLastingDrill: no more does one that goes on with a drill.
func TestLastingDrill(t *testing.T) {
	for err, want := range map[error]int{langgraph.ErrUnreachable: exitResume, langgraph.ErrLogin: exitOther} {
		err = (&app{}).drillFailed(fmt.Errorf("%w: plan: %w", drill.ErrBroken, err), "plan.yaml", "q4")
		var e *exitError
		if !errors.As(err, &e) || e.code != want || !strings.Contains(e.hint, "run the same command again") {
			t.Errorf("%+v, want %d and a hint", e, want)
		}
	}
}
