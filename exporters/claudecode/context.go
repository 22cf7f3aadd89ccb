package claudecode

import (
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// context is the path from the root to the head, where the tree has more than one, or something in it that
// the model does not see. Tools that run beside each other answer beside each other: all that they said
// belongs to it, as the program sends it.
func (t *transcript) context() []string {
	if !t.branched {
		return nil
	}
	in := make([]bool, len(t.nodes))
	var path []int32
	for k := t.head; k != 0; k = t.nodes[k].parent { // link makes no ring
		path, in[k] = append(path, k), true
	}
	beside := map[int32][]int32{} // by what they follow
	for k, x := range t.nodes {
		if p := x.parent; p != 0 && !in[k] && in[p] && (x.result || x.answer) {
			in[k] = true
			beside[p] = append(beside[p], int32(k))
		}
	}
	after := t.keptAfter(in)
	var out []string
	for len(path) > 0 { // the next one is the last
		k := path[len(path)-1]
		path = path[:len(path)-1]
		if !t.nodes[k].unseen {
			out = append(out, t.key(k))
		}
		for _, x := range after[k] {
			out = append(out, t.key(x))
		}
		slices.Reverse(beside[k])
		path = append(path, beside[k]...)
	}
	return out
}

// A kept is what a compaction keeps in view, word for word.
type kept struct {
	after      id   // the message that it stands behind
	ids        []id // of it, in order
	head, tail id   // of older releases: from here to there
}

func readKept(compact jsonvalue.Value) (k kept) {
	messages, segment := compact.Get("preservedMessages"), compact.Get("preservedSegment")
	k.after = newID(messages.Get("anchorUuid"))
	messages.Get("uuids").Elements(func(v jsonvalue.Value) { k.ids = append(k.ids, newID(v)) })
	if len(k.ids) == 0 {
		k.after, k.head, k.tail = newID(segment.Get("anchorUuid")), newID(segment.Get("headUuid")), newID(segment.Get("tailUuid"))
	}
	return k
}

// keptAfter is what compactions on the path keep in view, by the message that it stands behind: the last
// one first, since what it keeps is what the program sends. What is in the path stays where it is.
func (t *transcript) keptAfter(in []bool) map[int32][]int32 {
	after := map[int32][]int32{}
	left := 64 * len(t.nodes) // steps: thousands of stretches, each as long as the transcript, are no real ones
	for _, n := range slices.Backward(sortedKeys(t.kept)) {
		if !in[n] {
			continue
		}
		k, at := t.kept[n], n
		if x := t.lines[k.after].node; x != 0 && in[x] {
			at = x
		}
		var nodes []int32
		for _, x := range k.ids {
			nodes = append(nodes, t.lines[x].node)
		}
		if to := t.lines[k.head].node; to != 0 {
			x := t.lines[k.tail].node
			for ; x != 0 && x != to && left > 0; x = t.nodes[x].parent {
				left--
				nodes = append(nodes, x)
			}
			if nodes = append(nodes, to); x != to { // they are no stretch
				nodes = nil
			}
			slices.Reverse(nodes)
		}
		for _, x := range nodes {
			if x != 0 && !in[x] { // a further block of an answer is the answer's
				in[x] = true
				after[at] = append(after[at], x)
			}
		}
	}
	return after
}
