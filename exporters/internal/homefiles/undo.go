package homefiles

import (
	"cmp"
	"errors"
	"io/fs"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskmap"
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
	ours, found *diskmap.Map      // by id; a file still had those that are found
	files       map[string]string // why each file stays, by the key of its conversation; empty: it went
	err         error             // of a look at them
}

// MessagesOf are the messages among created. Close them.
func MessagesOf(created iter.Seq2[replay.Receipt, error]) (m *Messages, err error) {
	m = &Messages{files: map[string]string{}}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	for _, d := range []**diskmap.Map{&m.ours, &m.found} {
		if *d, err = diskmap.New(""); err != nil {
			return nil, err
		}
	}
	for rc, err := range created {
		if err != nil {
			return nil, err
		}
		if kind, parts := agentstate.SplitKey(rc.Target); kind == "message" && len(parts) > 0 {
			if _, err := m.ours.Add(parts[len(parts)-1], nil); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// Close gives up what it holds.
func (m *Messages) Close() {
	for _, d := range []*diskmap.Map{m.ours, m.found} {
		if d != nil {
			d.Close()
		}
	}
}

// Found tells whether the run wrote the message id, which a file still has. An error is given by Left.
func (m *Messages) Found(id string) bool {
	_, ours, err := m.ours.View(id)
	if err == nil && ours {
		_, err = m.found.Add(id, nil)
	}
	m.err = cmp.Or(m.err, err)
	return ours && err == nil
}

// File says of the file of a conversation why it stays; empty: it went.
func (m *Messages) File(conversation, why string) { m.files[conversation] = why }

// Left gives leave the messages of created that did not go with the undo, each with the reason.
func (m *Messages) Left(created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	for rc, err := range created {
		if err != nil {
			return err
		}
		kind, parts := agentstate.SplitKey(rc.Target)
		if kind != "message" || len(parts) == 0 {
			continue
		}
		last := len(parts) - 1
		why, ok := m.files[agentstate.Key("conversation", slices.Clone(parts[:last])...)]
		_, found, err := m.found.View(parts[last])
		switch {
		case err != nil:
			return err
		case !ok:
			why = "the run did not make the session that it is in"
		case why == "" && !found:
			why = replay.Gone
		}
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	return m.err
}
