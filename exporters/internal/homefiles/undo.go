package homefiles

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Undo removes a file that a run made. why says why it stays: it has another digest than version, or
// it has none to compare with and ours says that it holds more than the run wrote. Of a file that is
// gone it is replay.Gone.
func Undo(root, path, version string, ours func() bool) (why string, err error) {
	sum, err := fileDigest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replay.Gone, nil
	case err != nil:
		return "", err
	case version != "" && sum != version:
		return "changed since the run", nil
	case version == "" && !ours():
		return "the session went on after the run", nil
	}
	return "", Remove(root, path)
}

// Messages are those that a run wrote as lines into files that it made: each goes with its file, or
// stays with it, or was gone before.
type Messages struct {
	found map[string]bool   // by id; true: a file still had it
	files map[string]string // why each file stays, by the key of its conversation; empty: it went
}

// MessagesOf are the messages among created.
func MessagesOf(created []replay.Receipt) *Messages {
	m := &Messages{found: map[string]bool{}, files: map[string]string{}}
	for _, rc := range created {
		if kind, parts := agentstate.SplitKey(rc.Target); kind == "message" && len(parts) > 0 {
			m.found[parts[len(parts)-1]] = false
		}
	}
	return m
}

// Found tells whether the run wrote the message id, which a file still has.
func (m *Messages) Found(id string) bool {
	if _, ours := m.found[id]; !ours {
		return false
	}
	m.found[id] = true
	return true
}

// File says of the file of a conversation why it stays; empty: it went.
func (m *Messages) File(conversation, why string) { m.files[conversation] = why }

// Left are the messages of created that did not go with the undo, each with the reason.
func (m *Messages) Left(created []replay.Receipt) (left []replay.Receipt) {
	for _, rc := range created {
		kind, parts := agentstate.SplitKey(rc.Target)
		if kind != "message" || len(parts) == 0 {
			continue
		}
		last := len(parts) - 1
		why, ok := m.files[agentstate.Key("conversation", slices.Clone(parts[:last])...)]
		switch {
		case !ok:
			why = "the run did not make the session that it is in"
		case why == "" && !m.found[parts[last]]:
			why = replay.Gone
		}
		if why != "" {
			rc.Why = why
			left = append(left, rc)
		}
	}
	return left
}
