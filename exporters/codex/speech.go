package codex

import (
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// beforeTurn tells whether m is what Codex tells the model before a turn, and takes back with it.
func beforeTurn(m *pb.Message) bool {
	return m.NativeRole == "developer" && slices.ContainsFunc(m.Parts, func(p *pb.Part) bool {
		tag, _, ok := strings.Cut(strings.TrimSpace(p.GetText()), ">")
		switch strings.ToLower(tag) {
		case "<permissions instructions", "<model_switch", "<collaboration_mode", "<multi_agent_mode", "<realtime_conversation",
			"<skills_instructions", "<personality_spec", "<token_budget", "<context_window", "<context_window_guidance", "<rollout_budget":
			return ok
		}
		return false
	})
}

// toAgent tells whether m is what one agent says to another, which starts a turn: releases of early 2026 wrote it as an
// object where the model speaks.
func toAgent(m *pb.Message) bool {
	if m.NativeRole == agentSaid || m.Role != pb.Role_ROLE_ASSISTANT || len(m.Parts) != 1 {
		return m.NativeRole == agentSaid
	}
	has := map[string]bool{}
	_, ok := jsonvalue.Object([]byte(m.Parts[0].GetText()), func(name []byte, v jsonvalue.Value) {
		has[string(name)] = v.IsText() || string(v) == "true" || string(v) == "false"
	})
	return ok && has["author"] && has["recipient"] && has["content"] && has["trigger_turn"]
}

// notes tells what the program says (of the machine, of a command that ran, of another agent) from the
// words of the user, in whose messages it stands. It is data: in another runtime it would be said by a
// person, and wrong. It is true for a message that Codex does not count as a turn of the person.
func notes(m *pb.Message) (program bool) {
	if m.Role != pb.Role_ROLE_USER {
		return false
	}
	n, last := 0, ""
	for i, p := range m.Parts {
		name, turn := fragmentOf(p.GetText())
		program = program || name != "" && !turn
		switch name {
		case "", "AGENTS.md", "user_instructions", "skill": // what a person wrote down for the model
		default:
			m.Parts[i] = homefiles.NotePart(p.GetText())
			n, last = n+1, name
		}
	}
	if n > 0 && n == len(m.Parts) {
		m.Role, m.NativeRole = pb.Role_ROLE_UNSPECIFIED, "user/"+last
	}
	return program
}

// fragmentOf is what Codex calls a text that it puts where a person speaks, as a whole; empty: it is
// none, also where a person writes tags. turn: Codex counts it as a turn of the person all the same.
func fragmentOf(s string) (name string, turn bool) {
	s = strings.TrimSpace(s)
	if begins(s, "# AGENTS.md instructions") && ends(s, "</INSTRUCTIONS>") {
		return "AGENTS.md", false
	}
	if strings.HasPrefix(s, "Warning: ") && warning(s) {
		return "warning", false
	}
	tag, _, ok := strings.Cut(strings.TrimPrefix(s, "<"), ">")
	name, more, _ := strings.Cut(tag, " ")
	if begins(tag, "external_") { // a client names it, as it likes
		name, more = tag, ""
	}
	if name = strings.ToLower(name); !ok || !strings.HasPrefix(s, "<") || !ends(s, "</"+name+">") {
		return "", false
	}
	switch name {
	case "environment_context", "turn_aborted", "user_shell_command", "subagent_notification", "subagents", "goal_context",
		"agent_message_board_notification", "recommended_plugins", "skill", "user_instructions":
		ok = more == ""
	case "user_action": // that a review was asked for, and what it found
		ok, turn = more == "", true
	case "codex_internal_context":
		ok = strings.HasPrefix(more, `source="`)
	case "hook_prompt":
		ok = strings.Contains(more, `hook_run_id="`)
	default:
		ok = strings.HasPrefix(name, "external_") && more == ""
	}
	if !ok {
		return "", false
	}
	return name, turn
}

// warning tells whether s is one that older releases wrote where a person speaks.
func warning(s string) bool {
	s = strings.TrimPrefix(s, "Warning: ")
	return strings.HasPrefix(s, "The maximum number of unified exec processes you can keep open is") ||
		strings.HasPrefix(s, "Your account was flagged for potentially high-risk cyber activity") ||
		strings.HasPrefix(s, "apply_patch was requested via ")
}

func begins(s, what string) bool {
	return len(s) >= len(what) && strings.EqualFold(s[:len(what)], what)
}

func ends(s, what string) bool {
	return len(s) >= len(what) && strings.EqualFold(s[len(s)-len(what):], what)
}

// firstWords are those of an item, where a person says something in it.
func firstWords(raw jsonvalue.Value) string {
	if !raw.Get("role").Is("user") {
		return ""
	}
	m := homefiles.NewMessage("")
	if responses.Read(m, raw); notes(m) || m.Role != pb.Role_ROLE_USER {
		return ""
	}
	for i, p := range m.Parts { // an editor puts before it what is open there
		if _, said, ok := strings.Cut(p.GetText(), "## My request for Codex:"); ok {
			m.Parts[i] = homefiles.TextPart(said)[0]
		}
	}
	return homefiles.FirstWords(m.Parts)
}
