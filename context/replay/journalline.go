package replay

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"unicode/utf8"
)

// line is one event. One of the fields is set.
type line struct {
	Head      *head    `json:"head,omitempty"`
	Intent    string   `json:"intent,omitempty"`  // key: will be written
	As        string   `json:"as,omitempty"`      // of an intent: the key that the target knows it by, where a map gave it one
	Done      *receipt `json:"done,omitempty"`    // was answered
	Resumed   bool     `json:"resumed,omitempty"` // a new attempt begins
	Flushed   bool     `json:"flushed,omitempty"` // what this attempt has written so far counts
	Committed bool     `json:"committed,omitempty"`
	Undone    bool     `json:"undone,omitempty"`
}

// entry is what the index holds for a key.
type entry struct {
	at   int64    // of the line in the file
	done *receipt // nil: an intent
	as   string   // of an intent: line.As
}

// onlyTail is an error when a sound line follows: then a damaged one is not where a crash tore it.
func onlyTail(r *bufio.Reader) error {
	for {
		raw, err := r.ReadBytes('\n')
		if _, ok := parseLine(raw); ok {
			return ErrJournal
		}
		if err != nil {
			return nil
		}
	}
}

func encodeEntry(at int64, done []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at)), done...)
}

func decodeEntry(b []byte) (*entry, error) {
	if len(b) < 8 {
		return nil, ErrJournal
	}
	e := &entry{at: int64(binary.BigEndian.Uint64(b))}
	if b = b[8:]; len(b) > 0 && b[0] != '{' {
		e.as = string(b)
	} else if len(b) > 0 {
		e.done = &receipt{}
		if err := json.Unmarshal(b, e.done); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJournal, err)
		}
	}
	return e, nil
}

// marshal is l as JSON, and the JSON of its answer, where it has one, inside of it.
func (l line) marshal() (body, done []byte, err error) {
	if l.Done == nil {
		body, err = json.Marshal(l)
		return body, nil, err
	}
	if done, err = json.Marshal(l.Done); err != nil {
		return nil, nil, err
	}
	body = append(append([]byte(`{"done":`), done...), '}')
	return body, body[len(`{"done":`) : len(body)-1], nil
}

// appendLine writes body as checksum, blank, JSON, newline.
func appendLine(b, body []byte) []byte {
	b = fmt.Appendf(b, "%08x ", crc32.Checksum(body, castagnoli))
	return append(append(b, body...), '\n')
}

func parseLine(raw []byte) (line, bool) {
	var l line
	if len(raw) < 10 || raw[8] != ' ' || raw[len(raw)-1] != '\n' {
		return l, false
	}
	body := raw[9 : len(raw)-1]
	sum, err := strconv.ParseUint(string(raw[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum(body, castagnoli) {
		return l, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return l, d.Decode(&l) == nil
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
