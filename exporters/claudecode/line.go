package claudecode

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// A line is one line of a transcript, as far as it is read here.
type line struct {
	typ, subtype, uuid, parent, logical, agent, timestamp jsonvalue.Value
	cwd, message, content, summary, title, leaf           jsonvalue.Value
	aiTitle, relocated, session                           jsonvalue.Value
	queued                                                jsonvalue.Value // what a person said while the model was at work
	compact                                               jsonvalue.Value // of a compaction: what it kept
	added                                                 jsonvalue.Value // what was put beside a message: a file that it names, what a hook says
	origin                                                jsonvalue.Value // of what is not a person's: what put it there
	tool                                                  jsonvalue.Value // of a note: the call that put it there
	sent                                                  jsonvalue.Value // the uuid that what follows a user's line knows it by
	virtual                                               bool            // it is shown, and the model is not sent it
	sidechain, note, meta, human                          bool            // note: not what a person typed
	failed                                                bool            // of an answer: the provider refused
}

// read is false for what is no JSON.
func (l *line) read(b []byte) bool {
	*l = line{}
	_, ok := jsonvalue.Object(b, func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "type":
			l.typ = v
		case "subtype":
			l.subtype = v
		case "uuid":
			l.uuid = v
		case "parentUuid":
			l.parent = v
		case "logicalParentUuid":
			l.logical = v
		case "agentId":
			l.agent = v
		case "timestamp":
			l.timestamp = v
		case "sessionId":
			l.session = v
		case "cwd":
			l.cwd = v
		case "message":
			l.message = v
		case "content":
			l.content = v
		case "summary":
			l.summary = v
		case "customTitle":
			l.title = v
		case "aiTitle":
			l.aiTitle = v
		case "relocatedCwd":
			l.relocated = v
		case "leafUuid":
			l.leaf = v
		case "attachment":
			l.attached(v)
		case "compactMetadata":
			l.compact = v
		case "origin":
			l.from(v)
		case "isSidechain":
			l.sidechain = string(v) == "true"
		case "sentAsUuid":
			l.sent = v
		case "isVirtual":
			l.virtual = string(v) == "true"
		case "isApiErrorMessage":
			l.failed = string(v) == "true"
		case "sourceToolUseID":
			l.tool = v
		case "isMeta":
			l.meta = string(v) == "true"
			l.note = l.note || l.meta
		case "isCompactSummary":
			l.note = l.note || string(v) == "true"
		}
	})
	return ok
}

// from reads an origin: none of a person's words have one but those that they typed, or spoke in a call.
func (l *line) from(origin jsonvalue.Value) {
	k := origin.Get("kind")
	if l.human = k.Is("human") || k.Is("voice-call"); k.IsText() && !l.human {
		l.origin, l.note = k, true
	}
}

// notes is what kind of note of the program a user's line is; empty: it is a person's. What a command or
// a skill says is theirs: they called it, and somebody wrote it down. asked: the line follows a command.
func (l *line) notes(asked bool) string {
	if len(l.origin) > 0 {
		return l.origin.Text()
	}
	if l.meta && !l.human && !asked && len(l.tool) == 0 {
		return "meta"
	}
	s := strings.TrimSpace(firstText(l.message.Get("content")))
	for _, tag := range []string{"local-command-stdout", "local-command-stderr", "bash-stdout", "bash-stderr"} {
		if strings.HasPrefix(s, "<"+tag+">") && strings.HasSuffix(s, ">") {
			return tag
		}
	}
	if s == "[Request interrupted by user]" || s == "[Request interrupted by user for tool use]" {
		return "interrupted"
	}
	return ""
}

// isCommand tells whether a user's line says that a person called a command: what that says follows.
func (l *line) isCommand() bool {
	s := firstText(l.message.Get("content"))
	return strings.HasPrefix(s, "<command-message>") || strings.HasPrefix(s, "<command-name>")
}

// firstText is what a content begins with, where that is short enough to be looked at.
func firstText(content jsonvalue.Value) (s string) {
	if content.IsText() && len(content) < maxParts {
		return content.Text()
	}
	first := true
	content.Elements(func(v jsonvalue.Value) {
		if first && len(v) < maxParts {
			s = v.Get("text").Text()
		}
		first = false
	})
	return s
}

// attached reads an attachment: one of them is no note of the program but what was said meanwhile. What
// it says that a person typed is theirs, also where it is called meta.
func (l *line) attached(v jsonvalue.Value) {
	if typ := v.Get("type"); !typ.Is("queued_command") {
		for _, t := range []string{"file", "directory", "edited_text_file", "selected_lines_in_ide", "mcp_resource", "hook_additional_context", "hook_blocking_error"} {
			if typ.Is(t) {
				l.added = v
			}
		}
		if typ.Is("hook_success") && v.Get("content").Text() != "" { // the model is told what it says
			l.added = v
		}
		return
	}
	if string(v.Get("isMeta")) == "true" && !v.Get("origin").Get("kind").Is("human") {
		l.origin, l.note = jsonvalue.Value(`"meta"`), true
	}
	l.from(v.Get("origin"))
	l.queued = v.Get("prompt")
	if mode := v.Get("commandMode"); !mode.IsNull() && !mode.Is("prompt") { // as that a task has ended
		l.origin, l.note = mode, true
	}
}

// isMessage tells whether a line is part of the conversation. The rest is bookkeeping, also where
// it holds copies of messages, as api-request-blob does.
func (l *line) isMessage() bool {
	if newID(l.uuid) == (id{}) {
		return false
	}
	return l.typ.Is("attachment") && len(l.queued) > 0 || (l.typ.Is("user") || l.typ.Is("assistant")) && !l.message.IsNull() || l.typ.Is("system") && len(l.subtype) > 2 && l.subtype.IsText()
}

// size is how many bytes of JSON are what the line says.
func (l *line) size() int { return len(l.message) + len(l.content) + len(l.queued) }

// isKnown tells whether the type of the line is one that releases up to 2.1.332 write. Of most of them nothing is read.
func (l *line) isKnown() bool {
	switch string(l.typ) {
	case `"user"`, `"assistant"`, `"system"`, `"attachment"`, `"progress"`, `"summary"`, `"custom-title"`, `"ai-title"`, `"last-prompt"`, `"tag"`, `"mode"`, `"relocated"`,
		`"queue-operation"`, `"file-history-snapshot"`, `"file-history-delta"`, `"attribution-snapshot"`, `"content-replacement"`, `"continued-in"`, `"resume-head-vouch"`,
		`"data-flow-records"`, `"data-flow-incomplete"`, `"data-flow-handover"`, `"derived-from"`, `"api-request"`, `"api-request-shape"`, `"api-request-blob"`, `"api-request-resumed"`,
		`"fork-context-ref"`, `"observer-ref"`, `"frame-link"`, `"agent-name"`, `"agent-color"`, `"agent-setting"`, `"pr-link"`, `"artifact-comment-monitor"`, `"artifact-autoreact-ledger"`,
		`"bridge-session"`, `"history-suppression"`, `"permission-mode"`, `"isolation-latch"`, `"session-owner"`, `"dev-mods"`, `"memory-mode"`, `"atis-latch"`, `"tools-used"`,
		`"worktree-state"`, `"cost-state"`, `"ended-by-model"`, `"repl-mode"`, `"host-row"`, `"hybrid-organization"`,
		`"speculation-accept"`, `"task-summary"`, `"marble-origami-commit"`, `"marble-origami-snapshot"`: // the last: of earlier releases
		return true
	}
	return false
}

// isRefusal tells whether a line stands in an answer's place where the provider refused: the model never
// sees it.
func (l *line) isRefusal() bool { return l.failed && l.message.Get("model").Is("<synthetic>") }

// isUnseen tells whether the model is not sent a line. A call and its result are, once a session goes on.
func (l *line) isUnseen() bool {
	tools := false
	l.message.Get("content").Elements(func(v jsonvalue.Value) {
		tools = tools || v.Get("type").Is("tool_use") || v.Get("type").Is("tool_result")
	})
	return l.isRefusal() || l.virtual && !tools
}

// isResult tells whether a message is what a tool answered.
func isResult(message jsonvalue.Value) (is bool) {
	first := true
	message.Get("content").Elements(func(v jsonvalue.Value) {
		is = is || first && v.Get("type").Is("tool_result")
		first = false
	})
	return is
}

// An id is a uuid of a line, packed where it is one: a long session has many.
type id struct {
	uuid [16]byte
	text string // where it is none
}

// newID is the id in v; zero: there is none.
func newID(v jsonvalue.Value) (out id) {
	if len(v) == 38 && v[9] == '-' && v[14] == '-' && v[19] == '-' && v[24] == '-' {
		var in [32]byte
		n := 0
		for _, part := range [...][2]int{{1, 9}, {10, 14}, {15, 19}, {20, 24}, {25, 37}} {
			n += copy(in[n:], v[part[0]:part[1]])
		}
		lower := true
		for _, c := range in {
			lower = lower && (c < 'A' || c > 'F')
		}
		if _, err := hex.Decode(out.uuid[:], in[:]); err == nil && lower && out.uuid != [16]byte{} {
			return out
		}
	}
	return id{text: v.Text()}
}

func (i id) String() string {
	if i.text != "" {
		return i.text
	}
	var b [36]byte
	hex.Encode(b[:], i.uuid[:4])
	for _, part := range [...][3]int{{8, 4, 6}, {13, 6, 8}, {18, 8, 10}, {23, 10, 16}} {
		b[part[0]] = '-'
		hex.Encode(b[part[0]+1:], i.uuid[part[1]:part[2]])
	}
	return string(b[:])
}

func timeOf(v jsonvalue.Value) int64 {
	if !v.IsText() {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, v.Text())
	if err != nil {
		return 0
	}
	return agentstate.UnixNano(t)
}
