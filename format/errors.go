package format

import (
	"errors"
	"strings"
)

// What an archive is refused for, one sentinel a class. Every refusal is an [*Error] that wraps
// one of them; [Class] gives the word that vectors and the command's --json use.
var (
	ErrNotArchive = errors.New("format: not an archive")                           // not-archive
	ErrTruncated  = errors.New("format: archive is cut off")                       // truncated
	ErrContainer  = errors.New("format: container is not as the rules want it")    // container
	ErrVersion    = errors.New("format: archive needs a newer reader")             // version
	ErrManifest   = errors.New("format: manifest is not valid")                    // manifest
	ErrDigest     = errors.New("format: bytes are not those that were sealed")     // digest
	ErrNoPolicy   = errors.New("format: no policy: say what to trust")             // no-policy
	ErrUnsigned   = errors.New("format: nobody signed it")                         // unsigned
	ErrBundle     = errors.New("format: signature bundle is not valid")            // bundle
	ErrUntrusted  = errors.New("format: not signed as the policy asks")            // untrusted
	ErrStatement  = errors.New("format: what is signed is not this archive")       // statement
	ErrThreshold  = errors.New("format: signed by too few trusted keys")           // threshold
	ErrTimestamp  = errors.New("format: signed at a time that nobody vouches for") // timestamp
	ErrKey        = errors.New("format: key is not that of the archive")           // key
	ErrNoIdentity = errors.New("format: no identity opens this")                   // no-identity
	ErrPayload    = errors.New("format: content is not as the rules want it")      // payload
	ErrCoverage   = errors.New("format: coverage does not follow from the facts")  // coverage
	ErrSchema     = errors.New("format: schema that no known release published")   // schema
	ErrLimit      = errors.New("format: above a limit")                            // limit
	ErrProof      = errors.New("format: proof does not hold")                      // proof
	ErrStale      = errors.New("format: not the archive that the options ask for") // stale
)

// What a writer, or Sign, is refused for.
var (
	ErrLocked  = errors.New("format: another run writes this archive")
	ErrExists  = errors.New("format: there is an archive already")
	ErrOptions = errors.New("format: options do not go together")
	ErrResume  = errors.New("format: broken run was begun with other options")
	ErrClosed  = errors.New("format: writer is closed")
	ErrSigned  = errors.New("format: signed by this key already")
)

// Error is the refusal of an archive: which rule, where, and what was there instead.
type Error struct {
	Class  string // of the sentinel: "digest"
	Member string // name in the container without the archive's prefix; empty: the archive as a whole
	Want   string // empty: see Err
	Got    string
	Err    error // the finding in words; nil: Want and Got say it all
}

// Error names the class, the member and the finding.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("format: ")
	if e.Member != "" {
		b.WriteString(e.Member + ": ")
	}
	b.WriteString(strings.TrimPrefix(sentinel(e.Class).Error(), "format: "))
	if e.Err != nil {
		b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "format: "))
	}
	if e.Want != "" || e.Got != "" {
		b.WriteString(": want " + e.Want + ", got " + e.Got)
	}
	return b.String()
}

// Unwrap gives the sentinel of the class and the finding.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{sentinel(e.Class)}
	}
	return []error{sentinel(e.Class), e.Err}
}

// Class is the class of a refusal: "digest", "truncated", … Empty: err is not a refusal.
func Class(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	for _, c := range classes() {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return ""
}

// Classes lists the classes of refusals.
func Classes() []string {
	var out []string
	for _, c := range classes() {
		out = append(out, c.name)
	}
	return out
}

type class struct {
	name string
	err  error
}

func classes() []class {
	return []class{
		{"not-archive", ErrNotArchive}, {"truncated", ErrTruncated}, {"container", ErrContainer},
		{"version", ErrVersion}, {"manifest", ErrManifest}, {"digest", ErrDigest},
		{"no-policy", ErrNoPolicy}, {"unsigned", ErrUnsigned}, {"bundle", ErrBundle},
		{"untrusted", ErrUntrusted}, {"statement", ErrStatement}, {"threshold", ErrThreshold}, {"timestamp", ErrTimestamp}, {"key", ErrKey},
		{"no-identity", ErrNoIdentity}, {"payload", ErrPayload}, {"coverage", ErrCoverage},
		{"schema", ErrSchema}, {"limit", ErrLimit}, {"stale", ErrStale}, {"proof", ErrProof},
	}
}

func sentinel(class string) error {
	for _, c := range classes() {
		if c.name == class {
			return c.err
		}
	}
	return ErrPayload
}

// refuse makes the refusal of class s with a finding in words.
func refuse(s error, member, finding string) *Error {
	e := &Error{Class: nameOf(s), Member: member}
	if finding != "" {
		e.Err = errors.New(finding)
	}
	return e
}

// mismatch makes the refusal of class s for a value that is not the wanted one.
func mismatch(s error, member, what, want, got string) *Error {
	e := refuse(s, member, what)
	e.Want, e.Got = want, got
	return e
}

func nameOf(s error) string {
	for _, c := range classes() {
		if c.err == s {
			return c.name
		}
	}
	return "payload"
}
