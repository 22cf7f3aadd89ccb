package secrets

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
)

// The rules of gitleaks v8.30.1, as they are there; their licence is in rules/gitleaks.LICENSE.
//
//go:embed rules/gitleaks.toml
var gitleaks string

const (
	gitleaksVersion = "8.30.1"
	gitleaksSHA256  = "e163e53b9e7e8a8511e77271e2b323ed057759542a6d988258afe3a1fa329caf"
)

//go:embed rules/exitramp.toml
var ours string

// config is a file of rules.
type config struct {
	Allowlist  allowlist   `toml:"allowlist"`
	Allowlists []allowlist `toml:"allowlists"`
	Rules      []ruleText  `toml:"rules"`
}

type ruleText struct {
	ID          string      `toml:"id"`
	Description string      `toml:"description"`
	Regex       string      `toml:"regex"`
	Path        string      `toml:"path"`
	Group       int         `toml:"secretGroup"`
	Entropy     float64     `toml:"entropy"`
	Keywords    []string    `toml:"keywords"`
	Allowlists  []allowlist `toml:"allowlists"`
	Digit       bool        `toml:"digit"`
	Before      int         `toml:"before"`
	Next        []string    `toml:"next"`
}

// allowlist is what is not a secret although a rule finds it.
type allowlist struct {
	Condition string   `toml:"condition"`
	Target    string   `toml:"regexTarget"` // "match", "line", else the secret
	Regexes   []string `toml:"regexes"`
	Paths     []string `toml:"paths"`
	Stopwords []string `toml:"stopwords"`

	once *sync.Once
	res  []*regexp.Regexp
	stop *automaton
}

// How a rule is looked for.
const (
	byLead   = iota // its keyword is in the first bytes of a match
	byAssign        // its keyword is followed by = or the like, and a value
	byWindow        // its keyword is somewhere in the match
	byText          // its keyword may be anywhere
)

// rule is one class of secrets.
type rule struct {
	ruleText
	how     int
	lead    []set // of a match; of a value, where how is byAssign
	longest int   // bytes of a match

	once sync.Once
	re   *regexp.Regexp
}

// maxMatch bounds a match whose expression has no bound of its own, in bytes.
const maxMatch = 8 << 10

// parse reads the files of rules. Rules for names of files are left out: records have none.
func parse() (rules []*rule, global []allowlist, err error) {
	if sum := sha256.Sum256([]byte(gitleaks)); hex.EncodeToString(sum[:]) != gitleaksSHA256 {
		return nil, nil, fmt.Errorf("secrets: gitleaks.toml is not that of v%s", gitleaksVersion)
	}
	for _, text := range []string{ours, gitleaks} {
		var c config
		if _, err := toml.Decode(text, &c); err != nil {
			return nil, nil, fmt.Errorf("secrets: rules: %w", err)
		}
		global = append(append(global, c.Allowlist), c.Allowlists...)
		for _, t := range c.Rules {
			if t.Regex == "" || t.Path != "" {
				continue
			}
			r, err := newRule(t)
			if err != nil {
				return nil, nil, err
			}
			rules = append(rules, r)
		}
	}
	global = prepare(global)
	return rules, global, nil
}

// prepare drops lists that are about names of files or commits alone.
func prepare(lists []allowlist) []allowlist {
	lists = slices.DeleteFunc(lists, func(a allowlist) bool {
		return len(a.Regexes)+len(a.Stopwords) == 0 || len(a.Paths) > 0 && strings.EqualFold(a.Condition, "and")
	})
	for i := range lists {
		lists[i].once = new(sync.Once)
	}
	return lists
}

// The two pieces that gitleaks puts between a name and a value.
const (
	assignName = `(?:[ \t\w.-]{0,20})[\s'"]{0,3}`
	assignSign = `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}`
)

func newRule(t ruleText) (*rule, error) {
	tree, err := syntax.Parse(t.Regex, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("secrets: rule %s: %w", t.ID, err)
	}
	r := &rule{ruleText: t, longest: longest(tree), how: byText}
	r.Allowlists = prepare(r.Allowlists)
	if r.longest < 0 || r.longest > maxMatch {
		r.longest = maxMatch
	}
	r.lead, _ = lead(tree)
	low := strings.ToLower(t.Regex)
	all := func(ok func(word string) bool) bool {
		return !slices.ContainsFunc(t.Keywords, func(k string) bool { return !ok(strings.ToLower(k)) })
	}
	name, value, _ := strings.Cut(t.Regex, assignName)
	assigns := strings.Contains(value, assignSign) && !strings.Contains(strings.ReplaceAll(name, "{0,50}", ""), ",")
	switch {
	case assigns && all(func(k string) bool { return strings.Contains(strings.ToLower(name), k) || isName(name, k) }):
		r.how = byAssign
		_, value, _ = strings.Cut(value, assignSign)
		flags := syntax.Perl
		if strings.HasPrefix(t.Regex, "(?i)") {
			flags |= syntax.FoldCase
		}
		if tree, err = syntax.Parse(value, flags); err != nil {
			return nil, fmt.Errorf("secrets: rule %s: %w", t.ID, err)
		}
		r.lead, _ = lead(tree)
	case len(r.lead) >= 4 && all(func(k string) bool { return r.leads(k) }):
		r.how = byLead
	case all(func(k string) bool { return strings.Contains(low, strings.ReplaceAll(k, ".", `\.`)) }) || t.ID[:4] == "said" || r.startsWithWord(tree):
		r.how = byWindow
	}
	return r, nil
}

// startsWithWord tells whether a keyword is in the beginning of every match.
func (r *rule) startsWithWord(tree *syntax.Regexp) bool {
	begins, _ := starts(tree)
	return !slices.ContainsFunc(begins, func(b string) bool {
		return !slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(b, strings.ToLower(k)) })
	})
}

// isName tells whether the expression of a name matches k.
func isName(name, k string) bool {
	re, err := regexp.Compile("^(?:" + name + ")$")
	return err == nil && re.MatchString(k)
}

// maxBefore is how far into a match a keyword may stand, for rules that are looked for by their lead.
const maxBefore = 8

// leads tells whether k can be in the first bytes of a match.
func (r *rule) leads(k string) bool {
	for d := range min(maxBefore, len(r.lead)) {
		n := min(len(k), len(r.lead)-d)
		if n < min(len(k), 3) {
			break
		}
		ok := true
		for i := range n {
			low, up := k[i], k[i]
			if 'a' <= low && low <= 'z' {
				up -= 'a' - 'A'
			}
			x := &r.lead[d+i]
			ok = ok && x.len() <= 12 && (x.has(low) || x.has(up)) // a class of letters and digits is no keyword
		}
		if ok {
			return true
		}
	}
	return false
}

// begins tells whether a match may start at text[at:].
func (r *rule) begins(text []byte, at int) bool {
	if at+len(r.lead) > len(text) {
		return false
	}
	for i := range r.lead {
		if !r.lead[i].has(text[at+i]) {
			return false
		}
	}
	return true
}

func (r *rule) compiled() *regexp.Regexp {
	r.once.Do(func() { r.re = regexp.MustCompile(r.Regex) }) // it has been parsed
	return r.re
}

// secret is where in text the secret of the match m is; false where the rule says that it is none.
func (r *rule) secret(text []byte, m []int) (lo, hi int, ok bool) {
	lo, hi = m[0], m[1]
	if g := r.Group; g > 0 && 2*g+1 < len(m) && m[2*g] >= 0 {
		lo, hi = m[2*g], m[2*g+1]
	} else {
		for g := 2; g < len(m); g += 2 {
			if m[g] >= 0 && m[g] < m[g+1] {
				lo, hi = m[g], m[g+1]
				break
			}
		}
	}
	s := text[lo:hi]
	if lo == hi || r.Entropy > 0 && entropy(s) <= r.Entropy {
		return 0, 0, false
	}
	if (r.Digit || r.ID == "generic-api-key") && !bytes.ContainsFunc(s, func(c rune) bool {
		return '0' <= c && c <= '9' || r.Digit && c < 128 && strings.ContainsRune("!@#$%&*+/=~^_", c)
	}) {
		return 0, 0, false
	}
	return lo, hi, true
}

// allows tells whether what was found is known to be harmless.
func (a *allowlist) allows(text []byte, m []int, lo, hi int) bool {
	a.once.Do(func() {
		for _, x := range a.Regexes {
			a.res = append(a.res, regexp.MustCompile(x))
		}
		words := make([]string, len(a.Stopwords))
		for i, w := range a.Stopwords {
			words[i] = strings.ToLower(w)
		}
		if len(words) > 0 {
			a.stop = newAutomaton(words)
		}
	})
	target := text[lo:hi]
	switch a.Target {
	case "match":
		target = text[m[0]:m[1]]
	case "line":
		l, h := m[0], m[1]
		for l > 0 && m[0]-l < maxMatch && text[l-1] != '\n' {
			l--
		}
		for h < len(text) && h-m[1] < maxMatch && text[h] != '\n' {
			h++
		}
		target = text[l:h]
	}
	byRegex := slices.ContainsFunc(a.res, func(x *regexp.Regexp) bool { return x.Match(target) })
	stopped := false
	if a.stop != nil {
		a.stop.each(text[lo:hi], func(int, int) { stopped = true })
	}
	if strings.EqualFold(a.Condition, "and") {
		return (byRegex || len(a.res) == 0) && (stopped || a.stop == nil)
	}
	return byRegex || stopped
}

// entropy is Shannon's, in bits a byte.
func entropy(s []byte) (e float64) {
	var n [256]int
	for _, c := range s {
		n[c]++
	}
	for _, k := range n {
		if k > 0 {
			f := float64(k) / float64(len(s))
			e -= f * math.Log2(f)
		}
	}
	return e
}
