// Package embed makes the vectors of a state anew, with the model that a target uses.
//
// A vector is a cache of a text and says nothing without its model: vectors of two models in one
// index find the wrong things, and nothing fails. So a replay writes all of them as they were, or
// makes all of them anew. [Source] is a state whose vectors are made while it is read: by a program
// beside us ([Process]) or a service ([HTTP]). What was made is kept in a file ([Vectors]), so that a
// run that goes on, and the read-back after it, ask for no text twice. [Unmixed] looks at what a
// target holds already, and [Recall] at what is found afterwards.
package embed

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// A Model is what vectors were made with.
type Model struct {
	Name       string // as its provider calls it; empty: not said
	Dimensions int    // numbers in a vector; 0: not said
}

// String is "NAME, N numbers" for people.
func (m Model) String() string {
	name := m.Name
	if name == "" {
		name = "a model that is not said"
	}
	if m.Dimensions == 0 {
		return name
	}
	return fmt.Sprintf("%s, %d numbers", name, m.Dimensions)
}

// maxDimensions is how many numbers a vector has at most.
const maxDimensions = 65536

func (m Model) check() error {
	switch {
	case m.Name == "" || len(m.Name) > 256:
		return fmt.Errorf("%w: want the name of its model, of at most 256 bytes", ErrEmbedder)
	case m.Dimensions < 1 || m.Dimensions > maxDimensions:
		return fmt.Errorf("%w: want 1 to %d dimensions, got %d", ErrEmbedder, maxDimensions, m.Dimensions)
	}
	return nil
}

// An Embedder makes vectors of texts.
type Embedder interface {
	// Embed answers for each text at its place. An error is of all: none of them counts.
	Embed(ctx context.Context, texts []string) ([]Answer, error)
}

// An Answer is a vector, or why there is none: Vector is nil then. Why holds no content.
type Answer struct {
	Vector []float32
	Why    string
}

// Errors that callers act on.
var (
	// ErrEmbedder: the embedder cannot be used, broke off, or answers what is no vector of its model.
	ErrEmbedder = errors.New("embed: embedder")
	// ErrMixed: vectors of two models would come into one index.
	ErrMixed = errors.New("embed: vectors of two models in one index")
	// ErrUnsaid: neither side says its model. Each such error is an ErrMixed, too.
	ErrUnsaid = errors.New("nobody says which models")
	// ErrVectors: a file of vectors is of another model, or is none.
	ErrVectors = errors.New("embed: file of vectors")
)

// floats are those of a vector in JSON. null is none of them: programs write NaN so, and it would be read as 0.
type floats []float32

// UnmarshalJSON reads a list of numbers, or the base64 of their bytes, little-endian, as some services answer.
func (v *floats) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var raw []byte
		if err := json.Unmarshal(b, &raw); err != nil || len(raw) == 0 || len(raw)%4 != 0 {
			return errors.New("a vector that is a text, and not the base64 of numbers")
		}
		*v = make(floats, len(raw)/4)
		for i := range *v {
			(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		return nil
	}
	var list []*float32
	if err := json.Unmarshal(b, &list); err != nil || list == nil {
		*v = nil
		return err
	}
	*v = make(floats, len(list))
	for i, f := range list {
		if f == nil {
			return errors.New("a vector with null in it")
		}
		(*v)[i] = *f
	}
	return nil
}

// unfit says why v is no vector of n numbers; empty: it is one. A vector of zeros has no direction,
// so no search by cosine can compare it.
func unfit(v []float32, n int) string {
	if len(v) != n {
		return fmt.Sprintf("a vector of %d numbers, want %d", len(v), n)
	}
	zero := true
	for _, f := range v {
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return "a vector with NaN or infinity"
		}
		zero = zero && f == 0
	}
	if zero {
		return "a vector of zeros"
	}
	return ""
}
