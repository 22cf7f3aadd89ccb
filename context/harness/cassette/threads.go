package cassette

import "sync"

// threads are conversations by the id of the last answer, for requests that go on from one.
type threads struct {
	mu    sync.Mutex
	of    map[string]thread
	order []string
}

// A thread is a conversation up to an answer.
type thread struct {
	items    []item
	in       *conversation // of a Recorder
	messages int           // of in, up to the answer
}

func newThreads() threads { return threads{of: map[string]thread{}} }

// get is the conversation up to an answer; an empty id is a fresh one.
func (t *threads) get(id string) (thread, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	th, ok := t.of[id]
	return th, ok || id == ""
}

// maxThreads is how many answers are remembered; the oldest goes.
const maxThreads = 1000

func (t *threads) put(id string, th thread) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.of[id]; again {
		t.of[id] = th
		return
	}
	if t.of[id] = th; len(t.order) >= maxThreads {
		delete(t.of, t.order[0])
		t.order = t.order[1:]
	}
	t.order = append(t.order, id)
}
