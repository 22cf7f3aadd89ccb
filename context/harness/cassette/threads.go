package cassette

import "sync"

// threads are conversations by the id of the last answer, for requests that go on from one.
type threads struct {
	mu    sync.Mutex
	items map[string][]item
	order []string
}

func newThreads() threads { return threads{items: map[string][]item{}} }

// get is the conversation up to an answer; an empty id is a fresh one.
func (t *threads) get(id string) ([]item, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	items, ok := t.items[id]
	return items, ok || id == ""
}

// maxThreads is how many answers are remembered; the oldest goes.
const maxThreads = 1000

func (t *threads) put(id string, items []item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.items[id] = items; len(t.order) >= maxThreads {
		delete(t.items, t.order[0])
		t.order = t.order[1:]
	}
	t.order = append(t.order, id)
}
