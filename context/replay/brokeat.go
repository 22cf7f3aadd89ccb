package replay

import "errors"

// brokeAt is an error of the record at.
type brokeAt struct {
	error
	at int
}

func (b brokeAt) Unwrap() error { return b.error }

// BrokeAt is the error err of a Batcher whose record i of the batch it is about, for one that has no answer yet for some before it.
func BrokeAt(i int, err error) error { return brokeAt{err, i} }

// place is where the batch of the records at broke: the one that broken names, else the first without an answer; -1: all have one.
func place(broken error, at []int, answers []*Receipt) int {
	if b := (brokeAt{}); errors.As(broken, &b) && b.at >= 0 && b.at < len(at) {
		return at[b.at]
	}
	for _, k := range at {
		if answers[k] == nil {
			return k
		}
	}
	return -1
}
