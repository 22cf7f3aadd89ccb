package plainyaml

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Words is an error of package yaml as people understand it: without types of Go, and without the values of the file,
// one of which may be a secret.
func Words(err error) error {
	var te *yaml.TypeError
	if errors.As(err, &te) {
		out := make([]string, len(te.Errors))
		for i, s := range te.Errors {
			out[i] = words(s)
		}
		return errors.New(strings.Join(out, "; "))
	}
	s := strings.TrimPrefix(err.Error(), "yaml: ")
	for begin, plain := range map[string]string{
		"unknown anchor ":  "an alias of nothing: a value that begins with * stands in quotes",
		"anchor '":         "an anchor that holds itself",
		"cannot decode ":   "a tag (!!) that its value is not of",
		"invalid map key:": "a key that is no text",
	} {
		if strings.HasPrefix(s, begin) {
			return errors.New(plain)
		}
	}
	return errors.New(s)
}

// words is one finding of a TypeError.
func words(s string) string {
	line, what, _ := strings.Cut(s, ": ")
	if tag, ok := strings.CutPrefix(what, "cannot unmarshal "); ok {
		into := tag[strings.LastIndexByte(tag, ' ')+1:]
		tag, _, _ = strings.Cut(tag, " ")
		return fmt.Sprintf("%s: want %s, got %s", line, wanted(into, tag), got(tag))
	}
	if at := strings.LastIndex(s, " in type "); at >= 0 {
		return s[:at]
	}
	return s
}

func got(tag string) string {
	switch tag {
	case "!!seq":
		return "a list"
	case "!!map":
		return "keys with values"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "a text"
}

// wanted is what a type of Go is in a file. A name of our own is of a struct or of a word: what was given tells which.
func wanted(into, tag string) string {
	into = strings.TrimLeft(into, "*")
	switch {
	case into == "bool":
		return "true or false"
	case into == "string":
		return "a text"
	case strings.HasPrefix(into, "uint"):
		return "a whole number from 0 on"
	case strings.HasPrefix(into, "int"):
		return "a whole number"
	case strings.HasPrefix(into, "float"):
		return "a number"
	case strings.HasPrefix(into, "["):
		return "a list"
	case strings.HasPrefix(into, "map["):
		return "keys with values"
	case tag == "!!map":
		return "one word"
	case tag == "!!seq":
		return "no list"
	}
	return "keys with values"
}
