// Package secrets finds secrets in the text of records: keys, tokens and passwords that people and
// tools wrote into conversations and memories, where no vault knows of them.
//
// The rules are those of gitleaks, a kept set, and some of our own for what people say: see the folder
// rules. Each rule is a class. What no class describes is not found: a report says what was looked
// for and found, never that there are no secrets. Found are class and place. The value, or a digest of
// it, which for a short one is the same, leaves this package nowhere.
//
// [Scan] wraps a source: records that come through it carry what was found as a label, or have it
// taken out, or the reading ends with [ErrFound]. [Of] reads back what such a reading stated.
package secrets

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Finding is a stretch of a text that a rule takes for a secret.
type Finding struct {
	Class      string // the rule's id: "aws-access-token"
	Start, End int    // of the secret, in bytes
}

// A Scanner finds secrets in text. It is for any number of goroutines.
type Scanner struct {
	rules  []*rule
	global []allowlist
	words  *automaton
	of     [][]int // by word: the rules that it calls for
	sizes  []int   // by word
	spare  sync.Pool
}

// New is the Scanner with all rules, one for all of a process. The first takes some milliseconds;
// expressions are compiled when a text first calls for them.
func New() (*Scanner, error) { return shared() }

// shared is never changed: it keeps the rules, and what was compiled of them, between drills.
var shared = sync.OnceValues(build)

func build() (*Scanner, error) {
	s := &Scanner{}
	var err error
	if s.rules, s.global, err = parse(); err != nil {
		return nil, err
	}
	at := map[string]int{}
	var words []string
	for i, r := range s.rules {
		if len(r.Keywords) == 0 {
			return nil, fmt.Errorf("secrets: rule %s has no keyword", r.ID)
		}
		for _, k := range r.Keywords {
			k = strings.ToLower(k)
			w, ok := at[k]
			if !ok {
				w = len(words)
				at[k], words, s.of = w, append(words, k), append(s.of, nil)
				s.sizes = append(s.sizes, len(k))
			}
			s.of[w] = append(s.of[w], i)
		}
	}
	s.words = newAutomaton(words)
	s.spare.New = func() any { return &work{pending: make([]span, len(s.rules))} }
	return s, nil
}

// Classes are the classes that are looked for, sorted.
func (s *Scanner) Classes() []string {
	out := make([]string, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.ID
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Rules names the set of rules: what a report says was scanned for.
func (s *Scanner) Rules() string {
	return fmt.Sprintf("%d classes (gitleaks %s, sha256 %.12s; exitramp's own)", len(s.Classes()), gitleaksVersion, gitleaksSHA256)
}

// work is one scan: what it looks through, and what it writes to.
type work struct {
	text    []byte  // of this pass
	stored  []int32 // maps its bytes to those of the text as it is stored; nil: it is that
	pending []span  // by rule: where to look next; hi 0: nowhere
	used    []int   // rules with a pending
	found   []ranked
	plain   []byte // the text with its escapes undone
	from    []int32
}

type span struct{ lo, hi int }

type ranked struct {
	Finding
	rank int // the lower one wins where two overlap
}

// Find adds to found what is in text, in order and without overlaps. Escapes of JSON are undone as
// well, also those of a document within a document.
func (s *Scanner) Find(text []byte, found []Finding) []Finding {
	if len(text) < minText {
		return found
	}
	w := s.spare.Get().(*work)
	defer s.spare.Put(w)
	w.found = w.found[:0]
	s.pass(w, text, nil)
	if bytes.IndexByte(text, '\\') >= 0 {
		w.unescape(text)
		s.pass(w, w.plain, w.from)
	}
	if len(w.found) == 0 {
		return found
	}
	slices.SortFunc(w.found, func(a, b ranked) int {
		return cmp.Or(a.rank-b.rank, a.Start-b.Start, b.End-a.End, strings.Compare(a.Class, b.Class))
	})
	n := len(found)
	for _, f := range w.found {
		if !slices.ContainsFunc(found[n:], func(o Finding) bool { return f.Start < o.End && o.Start < f.End }) {
			found = append(found, f.Finding)
		}
	}
	slices.SortFunc(found[n:], func(a, b Finding) int { return a.Start - b.Start })
	return found
}

// minText is the shortest text that any rule finds something in: "pin is 1234".
const minText = 10

// maxSecret bounds a secret, in bytes.
const maxSecret = 64 << 10

// pass looks through text. stored is as in work.
func (s *Scanner) pass(w *work, text []byte, stored []int32) {
	w.text, w.stored = text, stored
	s.words.each(text, func(word, end int) {
		for _, r := range s.of[word] {
			s.try(w, r, end-s.sizes[word], end)
		}
	})
	for _, n := range w.used {
		s.run(w, n, w.pending[n].lo, w.pending[n].hi)
		w.pending[n] = span{}
	}
	w.used, w.text, w.stored = w.used[:0], nil, nil // the text is the caller's
}

// try notes where to run rule n, if its keyword, text[at:end], calls for it.
func (s *Scanner) try(w *work, n, at, end int) {
	r, text := s.rules[n], w.text
	lo, hi := 0, len(text)
	switch r.how {
	case byLead:
		for lo = at; lo > max(-1, at-maxBefore) && !r.begins(text, lo); lo-- {
		}
		if lo < 0 || lo == at-maxBefore {
			return
		}
		hi = min(hi, lo+r.longest+2)
		lo = max(0, lo-1) // for \b
	case byAssign:
		if !r.assigned(text, end) {
			return
		}
		lo, hi = max(0, at-64), min(hi, end+r.longest+2)
	case byWindow:
		if len(r.Next) > 0 && !r.goesOn(text[end:min(hi, end+32)]) {
			return
		}
		before := r.Before + 1 // for \b
		if r.Before == 0 {
			before = min(r.longest, 1024)
		}
		lo, hi = max(0, at-before), min(hi, end+r.longest+2)
	}
	switch p := &w.pending[n]; {
	case p.hi == 0:
		w.used = append(w.used, n)
		*p = span{lo, hi}
	case lo <= p.hi: // so that a text of nothing but keywords is looked through once
		p.lo, p.hi = min(lo, p.lo), max(hi, p.hi)
	default:
		s.run(w, n, p.lo, p.hi)
		*p = span{lo, hi}
	}
}

// run finds the matches of rule n in text[lo:hi].
func (s *Scanner) run(w *work, n, lo, hi int) {
	r, text := s.rules[n], w.text
	re := r.compiled()
	for lo < hi {
		m := re.FindSubmatchIndex(text[lo:hi])
		if m == nil {
			return
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += lo
			}
		}
		if m[1] == hi && hi < len(text) && hi-m[0] < maxSecret { // it may go on
			hi = min(len(text), hi+maxMatch)
			continue
		}
		if a, b, ok := r.secret(text, m); ok && !s.allowed(r, text, m, a, b) {
			f := Finding{r.ID, a, b}
			if w.stored != nil {
				f.Start, f.End = int(w.stored[a]), int(w.stored[b])
			}
			w.found = append(w.found, ranked{f, rank(r)})
		}
		lo = max(m[1], m[0]+1)
	}
}

// rank puts rules that know a vendor's form before those that go by the words around it.
func rank(r *rule) int {
	switch {
	case r.ID == "private-key":
		return 0
	case r.ID == "generic-api-key":
		return 4
	case strings.HasPrefix(r.ID, "said-"), r.ID == "private-key-part":
		return 3
	case r.how == byAssign, r.ID == "cookie", strings.HasPrefix(r.ID, "bearer-"), r.ID == "uri-credentials":
		return 2
	}
	return 1
}

func (s *Scanner) allowed(r *rule, text []byte, m []int, lo, hi int) bool {
	for i := range r.Allowlists {
		if r.Allowlists[i].allows(text, m, lo, hi) {
			return true
		}
	}
	for i := range s.global {
		if s.global[i].allows(text, m, lo, hi) {
			return true
		}
	}
	return false
}

// assigned tells whether text goes on, from at, like an assignment to the name before it. It takes no
// match away: it is what the expression asks for at least.
func (r *rule) assigned(text []byte, at int) bool {
	n := min(len(text), at+64)
	for at < n && midName.has(text[at]) {
		at++
	}
	if at == n || !sign.has(text[at]) {
		return false
	}
	for k := at + 1; k < min(len(text), at+12); k++ {
		if r.begins(text, k) {
			return true
		}
		if !quote.has(text[k]) && !sign.has(text[k]) {
			return false
		}
	}
	return false
}

// goesOn tells whether one of the words that come behind the keyword's own word is there, in any case.
func (r *rule) goesOn(text []byte) bool {
	i := 0
	for i < len(text) && ('a' <= text[i]|0x20 && text[i]|0x20 <= 'z') {
		i++
	}
	for i < len(text) && strings.IndexByte(" \t\"'", text[i]) >= 0 {
		i++
	}
	return slices.ContainsFunc(r.Next, func(w string) bool {
		return len(text)-i >= len(w) && strings.EqualFold(string(text[i:i+len(w)]), w)
	})
}

// The bytes of gitleaks' assignments.
var (
	midName = setOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- \t\r\n\f\v'\"")
	sign    = setOf("=>:|?,")
	quote   = setOf("`'\"= \t\r\n\f\v")
)

func setOf(chars string) (s set) {
	for _, c := range []byte(chars) {
		s.add(c)
	}
	return s
}
