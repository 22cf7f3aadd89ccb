package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/exitramp/exitramp/internal/diskmap"
)

// line is one event. One of the fields is set; Kinds and As go with another.
type line struct {
	Head      *head    `json:"head,omitempty"`
	Intent    string   `json:"intent,omitempty"`  // key: will be written
	As        string   `json:"as,omitempty"`      // of an intent: the key that the target knows it by, where a map gave it one
	Done      *receipt `json:"done,omitempty"`    // was answered
	Resumed   bool     `json:"resumed,omitempty"` // a new attempt begins
	Kinds     []string `json:"kinds,omitempty"`   // of Resumed, as head.Kinds
	Flushed   bool     `json:"flushed,omitempty"` // what this attempt has written so far counts
	Tried     bool     `json:"tried,omitempty"`   // the commit of an attempt begins
	Committed bool     `json:"committed,omitempty"`
	Undoing   bool     `json:"undoing,omitempty"`   // an undo began
	Untouched bool     `json:"untouched,omitempty"` // the undo that began took nothing out
	Undone    bool     `json:"undone,omitempty"`
}

// entry is what the index holds for a key.
type entry struct {
	at   int64    // of the line in the file
	done *receipt // nil: an intent
	as   string   // of an intent: line.As
}

// mostIntents is how many intents are held in memory.
const mostIntents = 8192

// keyed is a key and what is known of it.
type keyed struct {
	key   string
	entry *entry
}

// indexed is the index. Who asks first waits until it is made of the file.
func (j *Journal) indexed() (_ *diskmap.Map, err error) {
	if j.index != nil {
		return j.index, nil
	}
	if j.index, err = diskmap.New(""); err != nil || j.size == 0 {
		return j.index, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.index.Close())
			j.index = nil
			clear(j.intents)
		}
	}()
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, j.size), 256<<10)
	var answer receipt
	for at := int64(0); at < j.size; {
		raw, err := readLine(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJournal, err)
		}
		l, done, ok := parseLine(raw, &answer)
		if !ok {
			return nil, fmt.Errorf("%w: %s is damaged at byte %d", ErrJournal, j.path, at)
		}
		if err := j.enter(l, at, done); err != nil {
			return nil, err
		}
		at += int64(len(raw))
	}
	return j.index, nil
}

// enter puts the line that is at a place of the file into the index. done is the JSON of its answer, where it has one.
func (j *Journal) enter(l line, at int64, done []byte) error {
	switch {
	case l.Intent != "" && len(j.intents) < mostIntents:
		j.intents[l.Intent] = entry{at: at, as: l.As}
	case l.Intent != "":
		delete(j.intents, l.Intent)
		j.entry = encodeIntent(j.entry[:0], at, l.As)
		return j.index.Put(l.Intent, j.entry)
	case l.Done != nil:
		delete(j.intents, l.Done.Key)
		j.entry = encodeAnswer(j.entry[:0], at, l.Done, done)
		return j.index.Put(l.Done.Key, j.entry)
	}
	return nil
}

// all yields what is known of each key, in the order of the file. The journal must not change meanwhile.
func (j *Journal) all() iter.Seq2[keyed, error] { return j.known((*diskmap.Map).All, 1) }

// backward is all from the end of the file.
func (j *Journal) backward() iter.Seq2[keyed, error] { return j.known((*diskmap.Map).Backward, -1) }

// known yields what is known of each key in the order of index, in which the places in the file grow; way -1: they shrink.
func (j *Journal) known(order func(*diskmap.Map) iter.Seq2[diskmap.Entry, error], way int) iter.Seq2[keyed, error] {
	return func(yield func(keyed, error) bool) {
		index, err := j.indexed()
		if err != nil {
			yield(keyed{}, err)
			return
		}
		open := make([]keyed, 0, len(j.intents))
		for k, e := range j.intents {
			open = append(open, keyed{k, &e})
		}
		slices.SortFunc(open, func(a, b keyed) int { return way * cmp.Compare(a.entry.at, b.entry.at) })
		for x, err := range order(index) {
			var e entry
			if err == nil {
				e, err = decodeEntry(x.Key, x.Value, nil)
			}
			if err != nil {
				yield(keyed{}, err)
				return
			}
			for ; len(open) > 0 && way*cmp.Compare(open[0].entry.at, e.at) < 0; open = open[1:] {
				if !yield(open[0], nil) {
					return
				}
			}
			if _, again := j.intents[x.Key]; !again && !yield(keyed{x.Key, &e}, nil) {
				return
			}
		}
		for _, x := range open {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// readLine is the next line, which is good until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	raw, err := r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return raw, err
	}
	long := bytes.Clone(raw)
	rest, err := r.ReadBytes('\n')
	return append(long, rest...), err
}

// onlyTail is an error when a sound line follows: then a damaged one is not where a crash tore it.
func onlyTail(r *bufio.Reader) error {
	for {
		raw, err := r.ReadBytes('\n')
		if _, _, ok := parseLine(raw, nil); ok {
			return ErrJournal
		}
		if err != nil {
			return nil
		}
	}
}

// What an entry is in the index, behind its place in the file.
const (
	anIntent  = iota // with line.As
	anAnswer         // JSON
	theAction        // and above: an answer of this action less theAction, with its version, and of nothing else but its own key
)

// encodeIntent appends the entry of an intent that is at a place of the file.
func encodeIntent(b []byte, at int64, as string) []byte {
	return append(append(binary.BigEndian.AppendUint64(b, uint64(at)), anIntent), as...)
}

// encodeAnswer appends the entry of an answer, whose JSON is raw. Nearly all say no more than that the
// target knows the record by its own key.
func encodeAnswer(b []byte, at int64, r *receipt, raw []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	if r.bare() {
		for a := Created; a <= Held; a++ {
			if a.String() == r.Action {
				return append(append(b, theAction+byte(a)), r.Version...)
			}
		}
	}
	return append(append(b, anAnswer), raw...)
}

// bare tells whether r says no more than an action, a version, and that the target knows the record by
// its own key.
func (r *receipt) bare() bool {
	return r.Target == r.Key && r.Why == "" && !r.NoLoss && r.Losses == nil && r.Approval == nil
}

// usual tells whether the record is in the target by its own key as it was, so that read-back learns
// nothing from r.
func (r *receipt) usual() bool {
	return r.bare() && (r.Action == Created.String() || r.Action == Same.String())
}

// told are keys, by their hash: of those that are not in it no answer says more than the usual.
type told struct {
	seed maphash.Seed
	of   map[uint64]struct{} // nil: none yet
	all  bool                // there are too many
}

// mostTold is how many are kept.
const mostTold = 1 << 16

func (t *told) add(key string) {
	switch {
	case t.all:
		return
	case t.of == nil:
		t.seed, t.of = maphash.MakeSeed(), map[uint64]struct{}{}
	case len(t.of) >= mostTold:
		t.of, t.all = nil, true
		return
	}
	t.of[maphash.String(t.seed, key)] = struct{}{}
}

// has is true for every key that was added, and for few others.
func (t *told) has(key string) bool {
	if t.of == nil {
		return t.all
	}
	_, ok := t.of[maphash.String(t.seed, key)]
	return ok
}

// decodeEntry reads what is in the index of key. done is where its answer goes; nil: into a new one.
func decodeEntry(key string, b []byte, done *receipt) (e entry, err error) {
	if len(b) < 9 {
		return e, ErrJournal
	}
	what, rest := b[8], b[9:]
	e.at = int64(binary.BigEndian.Uint64(b))
	if what == anIntent {
		e.as = string(rest)
		return e, nil
	}
	if e.done = done; done == nil {
		e.done = &receipt{}
	}
	if what > theAction {
		*e.done = receipt{Key: key, Action: Action(what - theAction).String(), Target: key, Version: text(rest, "0")}
		return e, nil
	}
	if e.done.parsePlain(rest, key) {
		return e, nil
	}
	*e.done = receipt{}
	if err := json.Unmarshal(rest, e.done); err != nil {
		return e, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return e, nil
}

// appendLine appends l as checksum, blank, JSON, newline. done is the JSON of its answer, where it has
// one: it is inside of what is returned.
func appendLine(b []byte, l line) (_, done []byte, err error) {
	const sum = "00000000 "
	const open = `{"done":`
	at := len(b)
	b = append(b, sum...)
	var ok bool
	switch {
	case l.Done != nil:
		b = append(b, open...)
		if b, ok = plainReceipt(b, l.Done); !ok {
			if done, err = json.Marshal(l.Done); err != nil {
				return nil, nil, err
			}
			b = append(b, done...)
		}
		done = b[at+len(sum)+len(open):]
		b = append(b, '}')
	default:
		if b, ok = plainLine(b, l); !ok {
			body, err := json.Marshal(l)
			if err != nil {
				return nil, nil, err
			}
			b = append(b, body...)
		}
	}
	var crc [4]byte
	binary.BigEndian.PutUint32(crc[:], crc32.Checksum(b[at+len(sum):], castagnoli))
	hex.Encode(b[at:], crc[:])
	return append(b, '\n'), done, nil
}

// sound is what a line says; false: it is not whole.
func sound(raw []byte) (body []byte, ok bool) {
	if len(raw) < 10 || raw[8] != ' ' || raw[len(raw)-1] != '\n' {
		return nil, false
	}
	body = raw[9 : len(raw)-1]
	var crc [4]byte
	_, err := hex.Decode(crc[:], raw[:8])
	return body, err == nil && binary.BigEndian.Uint32(crc[:]) == crc32.Checksum(body, castagnoli)
}

// parseLine is the event of a line, and the JSON of its answer, where it has one. An answer goes into
// answer; nil: into a new one.
func parseLine(raw []byte, answer *receipt) (l line, done []byte, ok bool) {
	body, ok := sound(raw)
	if !ok {
		return l, nil, false
	}
	return parseBody(body, answer)
}

// parseBody is parseLine for what a line says.
func parseBody(body []byte, answer *receipt) (l line, done []byte, ok bool) {
	if l, done, ok = parsePlain(body, answer); ok {
		return l, done, true
	}
	return parseJSON(body)
}

// parseJSON is parseLine for a body of any form.
func parseJSON(body []byte) (l line, done []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(&l)
	if err == nil && l.Done != nil {
		done, err = json.Marshal(l.Done)
	}
	return l, done, err == nil
}

// receipt is a Receipt in journals, plans and files of refused records.
type receipt struct {
	Key      string    `json:"key"`
	Action   string    `json:"action"`
	Target   string    `json:"target,omitempty"`
	Version  string    `json:"version,omitempty"`
	Why      string    `json:"why,omitempty"`
	NoLoss   bool      `json:"noloss,omitempty"`
	Losses   []loss    `json:"losses,omitempty"`
	Approval *Approval `json:"approval,omitempty"`
}

type loss struct {
	Path  string `json:"path"`
	Grade string `json:"grade"`
	Why   string `json:"why,omitempty"`
}

// textual is an error where a driver's answer would not come back from JSON as it was.
func textual(rc Receipt) error {
	if !utf8.ValidString(rc.Target) || !utf8.ValidString(rc.Version) {
		return fmt.Errorf("replay: %s: the driver's id or version is not text", rc.Key)
	}
	return nil
}
