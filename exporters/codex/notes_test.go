package codex

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestNotes: what the program says is no word of the user's.
func TestNotes(t *testing.T) {
	const env = "<environment_context>\\n  <cwd>/home/ada</cwd>\\n</environment_context>"
	for _, x := range []struct {
		texts []string
		role  pb.Role
		said  string
	}{
		{[]string{env}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<turn_aborted>by hand</turn_aborted>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<user_shell_command>\\nls\\n</user_shell_command>\\n"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<subagent_notification>done</subagent_notification>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<hook_prompt hook_run_id=\\\"stop:1\\\">not so</hook_prompt>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<codex_internal_context source=\\\"goal\\\">go on</codex_internal_context>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<goal_context>go on</goal_context>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<external_editor>x</external_editor>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<recommended_plugins>x</recommended_plugins>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<user_action>a review</user_action>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"Warning: apply_patch was requested via exec_command. Use the apply_patch tool instead of exec_command."}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{" <Turn_Aborted>x</turn_aborted>"}, pb.Role_ROLE_UNSPECIFIED, ""},
		{[]string{"<skill>\\n<name>s</name>\\nKnead.\\n</skill>"}, pb.Role_ROLE_USER, "<skill>\n<name>s</name>\nKnead.\n</skill>"},
		{[]string{"<external>x</external>"}, pb.Role_ROLE_USER, "<external>x</external>"},
		{[]string{"<hook_prompt>x</hook_prompt>"}, pb.Role_ROLE_USER, "<hook_prompt>x</hook_prompt>"},
		{[]string{"<b>do it</b>"}, pb.Role_ROLE_USER, "<b>do it</b>"},
		{[]string{"# AGENTS.md instructions", env}, pb.Role_ROLE_USER, "# AGENTS.md instructions"},
		{[]string{"what is <environment_context>?"}, pb.Role_ROLE_USER, "what is <environment_context>?"},
		{[]string{env + " and this"}, pb.Role_ROLE_USER, strings.ReplaceAll(env, `\n`, "\n") + " and this"},
	} {
		m := homefiles.NewMessage("conversation/c")
		responses.Read(m, []byte(`{"type":"message","role":"user","content":[{"type":"input_text","text":"`+strings.Join(x.texts, `"},{"type":"input_text","text":"`)+`"}]}`))
		notes(m)
		said := ""
		for _, p := range m.Parts {
			said += p.GetText()
		}
		if m.Role != x.role || said != x.said || len(m.Parts) != len(x.texts) {
			t.Errorf("%q: %v", x.texts, m)
		}
	}
}

// TestSkill: a skill is called what its head says.
func TestSkill(t *testing.T) {
	mem, _ := drivertest.Export(t, home(t, map[string]string{"skills/s/SKILL.md": "---\nname: rye\ndescription: |\n  bakes\n---\nKnead.\n", "AGENTS.md": "x"}))
	r, err := mem.Get(t.Context(), "skill/skills%2Fs%2FSKILL.md")
	if s, ok := r.(*pb.Skill); err != nil || !ok || s.Name != "rye" || s.Description != "bakes" {
		t.Errorf("%v %v", r, err)
	}
}
