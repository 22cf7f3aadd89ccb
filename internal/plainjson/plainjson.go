// Package plainjson says what is wrong with JSON as people understand it: the words of package encoding/json are
// about the states of its parser and about types of Go.
package plainjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Words is an error of package json in plain words, without values of the text, one of which may be a secret. Another
// error, as of the file that was read, is returned as it is, and so is none.
func Words(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var at *time.ParseError
	switch {
	case err == nil:
		return nil
	case err == io.EOF, err == io.ErrUnexpectedEOF, errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		return errors.New("not JSON: it ends too early")
	case syntax != nil:
		return fmt.Errorf("not JSON: byte %d does not belong there", syntax.Offset)
	case errors.As(err, &kind):
		got, _, _ := strings.Cut(kind.Value, " ") // of a number, the number follows
		if kind.Field == "" {
			return fmt.Errorf("byte %d: %s is of another kind than what is wanted there", kind.Offset, article(got))
		}
		return fmt.Errorf("%.100q: %s is of another kind than what is wanted there", kind.Field, article(got))
	case errors.As(err, &at), strings.HasPrefix(err.Error(), "Time.UnmarshalJSON: "):
		return errors.New("a time is not as 2026-11-29T18:00:00Z is")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no field %.100s", name)
	}
	return err
}

// article is a value of JSON by its kind.
func article(kind string) string {
	switch kind {
	case "array", "object":
		return "an " + kind
	case "bool":
		return "true or false"
	}
	return "a " + kind
}
