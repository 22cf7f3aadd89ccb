package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/internal/plainjson"
)

// StatementType is the type of an in-toto Statement v1.
const StatementType = "https://in-toto.io/Statement/v1"

// MaxStatement is how many bytes a statement may have.
const MaxStatement = 16 << 20

// maxDepth is how deep a statement may nest. Its own fields need 7; the rest is for others' fields.
const maxDepth = 32

// ErrStatement: the bytes are no statement about a drill.
var ErrStatement = errors.New("evidence: no statement about a drill")

// ParseStatement reads a statement from whomever, judges it and compares with the verdict that is
// in it: a stored verdict that the checks do not bear is ErrVerdict, and the statement is returned
// beside that error alone. Gates nil: those of this release.
//
// Fields that are not known are passed over, as in-toto asks. A key twice, or a known one in
// another letter case, is refused: readers would differ in what it says.
func ParseStatement(r io.Reader, g *Gates) (*Statement, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxStatement+1))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	st, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrStatement, err)
	}
	if g == nil {
		g = DefaultGates()
	}
	if j := st.Predicate.Judge(g); j.Verdict != st.Predicate.Verdict {
		return st, fmt.Errorf("%w: want %s, got %.40q: %s", ErrVerdict, j.Verdict, st.Predicate.Verdict, first(j.Reasons))
	}
	return st, nil
}

func first(reasons []string) string {
	if len(reasons) == 0 {
		return "each gate passed"
	}
	return reasons[0]
}

func parse(raw []byte) (*Statement, error) {
	switch {
	case len(raw) > MaxStatement:
		return nil, fmt.Errorf("more than %d bytes", MaxStatement)
	case !utf8.Valid(raw):
		return nil, errors.New("not valid UTF-8")
	}
	p := &scanner{d: plainjson.NewTokens(raw), seen: map[string]bool{}}
	if err := p.value(reflect.TypeFor[Statement](), "", 0); err != nil {
		return nil, err
	}
	if _, err := p.d.Token(); err != io.EOF {
		return nil, errors.New("bytes after the end")
	}
	for _, key := range []string{"_type", "subject", "predicateType", "predicate", "predicate.verdict", "predicate.notTested", "predicate.checks", "predicate.kinds"} {
		if !p.seen[key] {
			return nil, fmt.Errorf("%s is missing", key)
		}
	}
	st := &Statement{}
	if err := json.Unmarshal(raw, st); err != nil {
		return nil, fmt.Errorf("not as the predicate is: %w", plainjson.Words(err))
	}
	switch {
	case st.Type != StatementType:
		return nil, fmt.Errorf("_type: want %q, got %.100q", StatementType, st.Type)
	case st.PredicateType != PredicateType:
		return nil, fmt.Errorf("predicateType: want %q, got %.100q", PredicateType, st.PredicateType)
	case st.Predicate == nil:
		return nil, errors.New("predicate is null")
	case st.Predicate.NotTested == nil:
		return nil, errors.New("predicate.notTested is null: a drill says what it did not test, or []")
	case len(st.Subject) == 0:
		return nil, errors.New("no subject")
	case !about(st.Subject, SubjectManifest, st.Predicate.Archive.ManifestSHA256) && (st.Predicate.Archive.ManifestSHA256 != "" || st.Predicate.Drill.Stopped == nil):
		return nil, errors.New("the archive's manifest.json is none of the subjects")
	case st.Predicate.Target.StateDigest.SHA256 != "" && !about(st.Subject, SubjectState, st.Predicate.Target.StateDigest.SHA256):
		return nil, errors.New("what was read back is none of the subjects")
	}
	// Other tools check a file by the subjects, and take either of two of one name.
	named := map[string]Digest{}
	for _, s := range st.Subject {
		if _, ok := named[s.Name]; ok {
			return nil, fmt.Errorf("subject %.100q twice", s.Name)
		}
		named[s.Name] = s.Digest
	}
	for _, a := range st.Predicate.Artifacts {
		if d, ok := named[a.Name]; !ok || d != a.Digest {
			return nil, fmt.Errorf("file %.100q of the pack is none of the subjects, or another one there", a.Name)
		}
	}
	for _, c := range st.Predicate.Checks {
		for _, e := range c.Evidence {
			if d, ok := named[e.Name]; ok && d != e.Digest {
				return nil, fmt.Errorf("%.40q is shown by another %.100q than the subject", c.ID, e.Name)
			}
		}
	}
	if t := st.Predicate.Archive.Tree(); t != nil && !slices.ContainsFunc(st.Subject, t.same) {
		return nil, errors.New("the root of the archive's records is none of the subjects, or has other leaves there")
	}
	return st, nil
}

// same tells whether o says the same.
func (s *Subject) same(o Subject) bool {
	return o.Name == s.Name && o.Digest == s.Digest && o.Annotations != nil && *o.Annotations == *s.Annotations
}

// about tells whether what the predicate speaks of is what the statement is about.
func about(subjects []Subject, name, sha256 string) bool {
	return slices.ContainsFunc(subjects, func(s Subject) bool { return s.Name == name && s.Digest.SHA256 == sha256 })
}

// scanner walks JSON beside the type that it will be decoded into.
type scanner struct {
	d    *plainjson.Tokens
	seen map[string]bool // the known keys of the statement and of its predicate that are there
}

func (p *scanner) token() (json.Token, error) {
	tok, err := p.d.Token()
	if n, ok := tok.(json.Number); ok && err == nil {
		if _, err := n.Float64(); err != nil {
			return nil, fmt.Errorf("%.40q is too large a number", n)
		}
	}
	return tok, plainjson.Words(err)
}

// value checks one value. t is nil where nobody knows it.
func (p *scanner) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	tok, err := p.token()
	if err != nil {
		return err
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch tok {
	case json.Delim('{'):
		return p.object(t, path, depth)
	case json.Delim('['):
		if t != nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		} else {
			t = nil
		}
		for p.d.More() {
			if err := p.value(t, path, depth+1); err != nil {
				return err
			}
		}
		_, err = p.token()
	}
	return err
}

func (p *scanner) object(t reflect.Type, path string, depth int) error {
	known := fields(t)
	seen := map[string]bool{}
	for p.d.More() {
		tok, err := p.token()
		if err != nil {
			return err
		}
		key := tok.(string) // the decoder gives nothing else in this place
		if seen[key] {
			return fmt.Errorf("%s: key %.100q twice", path, key)
		}
		seen[key] = true
		at, ok := known[key]
		if !ok && t != nil {
			switch t.Kind() {
			case reflect.Map:
				at = t.Elem()
			case reflect.Struct:
				for name := range known {
					if strings.EqualFold(name, key) {
						return fmt.Errorf("%s: key %.100q: want %q", path, key, name)
					}
				}
			}
		}
		next := key
		if path != "" {
			next = path + "." + key
		}
		if ok && depth <= 1 {
			p.seen[next] = true
		}
		if err := p.value(at, next, depth+1); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// fields are the keys of a struct's fields.
func fields(t reflect.Type) map[string]reflect.Type {
	if t == nil || t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out[name] = f.Type
	}
	return out
}
