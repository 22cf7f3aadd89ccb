package secrets

// automaton finds all keywords in one pass over the text, whatever their number: Aho and Corasick's
// machine with all its failure links followed beforehand. Letters of both cases are one class.
type automaton struct {
	class [256]uint8
	next  []uint32 // by state<<classBits | class: the next state<<classBits
	out   [][]int  // by state: the keywords that end there
	final uint32   // states from here on have an out, <<classBits
}

const classBits = 6

// newAutomaton is the machine of words, which are in lower case.
func newAutomaton(words []string) *automaton {
	a := &automaton{}
	classes := 1 // 0: in no keyword
	for _, w := range words {
		for _, c := range []byte(w) {
			if a.class[c] == 0 {
				a.class[c] = uint8(classes)
				classes++
			}
		}
	}
	if classes > 1<<classBits {
		panic("secrets: keywords of too many different bytes") // a rule file of ours that no test has seen
	}
	for c := byte('a'); c <= 'z'; c++ {
		a.class[c-'a'+'A'] = a.class[c]
	}
	type node struct {
		kids map[uint8]int
		fail int
		out  []int
	}
	nodes := []*node{{kids: map[uint8]int{}}}
	for i, w := range words {
		at := 0
		for _, c := range []byte(w) {
			k, ok := nodes[at].kids[a.class[c]]
			if !ok {
				k = len(nodes)
				nodes[at].kids[a.class[c]] = k
				nodes = append(nodes, &node{kids: map[uint8]int{}})
			}
			at = k
		}
		nodes[at].out = append(nodes[at].out, i)
	}
	// Breadth first, so that the failure link of a state is done before the state.
	goTo := make([][1 << classBits]int, len(nodes))
	queue := []int{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		n := nodes[s]
		for c := range 1 << classBits {
			k, ok := n.kids[uint8(c)]
			back := 0
			if s != 0 {
				back = goTo[n.fail][c]
			}
			if !ok {
				goTo[s][c] = back
				continue
			}
			nodes[k].fail = back
			nodes[k].out = append(nodes[k].out, nodes[back].out...)
			goTo[s][c] = k
			queue = append(queue, k)
		}
	}
	a.number(len(nodes), func(s int) []int { return nodes[s].out }, func(s, c int) int { return goTo[s][c] })
	return a
}

// number gives states with an out the highest numbers: then one comparison a byte tells them.
func (a *automaton) number(n int, out func(int) []int, goTo func(s, c int) int) {
	id, next := make([]uint32, n), uint32(0)
	for _, final := range []bool{false, true} {
		if final {
			a.final = next << classBits
		}
		for s := range n {
			if (len(out(s)) > 0) == final {
				id[s] = next
				next++
			}
		}
	}
	a.next, a.out = make([]uint32, n<<classBits), make([][]int, n)
	for s := range n {
		a.out[id[s]] = out(s)
		for c := range 1 << classBits {
			a.next[id[s]<<classBits|uint32(c)] = id[goTo(s, c)] << classBits
		}
	}
}

// each calls f with the number and the end of every keyword in text.
func (a *automaton) each(text []byte, f func(word, end int)) {
	s, next, final, class := uint32(0), a.next, a.final, &a.class
	for i, c := range text {
		s = next[s|uint32(class[c])]
		if s >= final {
			for _, w := range a.out[s>>classBits] {
				f(w, i+1)
			}
		}
	}
}
