package recordjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// ErrSyntax is the error of Parse for a line that Append does not write: it names the field.
var ErrSyntax = errors.New("recordjson: not a record")

// Parse reads a line of Append. It is strict: a name that is not in the schema, one that comes
// twice, a value of another type, and a readable form that differs from its bytes are errors, so
// that nothing is dropped in silence. The order of fields and white space do not matter.
func Parse(line []byte) (agentstate.Record, error) {
	if !utf8.Valid(line) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	if halfSurrogate(line) {
		return nil, fmt.Errorf("%w: an escape is half of a surrogate pair, which no text is; the other half is missing", ErrSyntax)
	}
	var head struct {
		Kind string `json:"kind"`
	}
	err := json.Unmarshal(line, &head)
	if errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil, fmt.Errorf("%w: want an object with a kind on each line", ErrSyntax)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if head.Kind == "" {
		return nil, fmt.Errorf("%w: no kind", ErrSyntax)
	}
	r := agentstate.New(head.Kind)
	p := parser{d: json.NewDecoder(bytes.NewReader(line))}
	p.d.UseNumber()
	if err := p.message(r.ProtoReflect(), true); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSyntax, head.Kind, err)
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: something follows the object", ErrSyntax, head.Kind)
	}
	if got := agentstate.KindOf(r); got != head.Kind {
		return nil, fmt.Errorf("%w: kind is %q and the key is of a %q", ErrSyntax, head.Kind, got)
	}
	return r, nil
}

// halfSurrogate tells whether a text has an escape that stands for no character. The decoder would put another
// character in its place.
func halfSurrogate(line []byte) bool {
	for {
		i := bytes.IndexByte(line, '\\')
		if i < 0 || i+1 == len(line) {
			return false
		}
		if line = line[i+1:]; line[0] != 'u' {
			line = line[1:]
			continue
		}
		r := escaped(line[1:])
		if line = line[1:]; !utf16.IsSurrogate(r) {
			continue
		}
		if len(line) < 6 || line[4] != '\\' || line[5] != 'u' || utf16.DecodeRune(r, escaped(line[6:])) == utf8.RuneError {
			return true
		}
		line = line[6:]
	}
}

// escaped is the rune of four hexadecimal digits; 0: there are none, and the decoder says so.
func escaped(b []byte) rune {
	if len(b) < 4 {
		return 0
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

type parser struct{ d *json.Decoder }

func (p *parser) delim(want json.Delim) error {
	t, err := p.d.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("want %s, got %v", want, kindOfToken(t))
	}
	return nil
}

// kindOfToken says what t is without its content.
func kindOfToken(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		return t.String()
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	}
	return "null"
}

func (p *parser) message(m protoreflect.Message, top bool) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	var texts map[string]string
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // the decoder lets nothing else be a name
		if seen[name] {
			return fmt.Errorf("%q comes twice", name)
		}
		seen[name] = true
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch base, isText := strings.CutSuffix(name, textSuffix); {
		case top && name == "kind":
			_, err = p.d.Token()
		case top && name == "of_kind":
			if fd = m.Descriptor().Fields().ByName("kind"); fd == nil {
				return fmt.Errorf("%s: not in the schema", name)
			}
			err = p.field(m, fd)
		case fd != nil:
			err = p.field(m, fd)
		case name == unknownField:
			err = p.unknown(m)
		case isText:
			var s string
			if s, err = p.text(); err == nil {
				if texts == nil {
					texts = map[string]string{}
				}
				texts[base] = s
			}
		default:
			err = errors.New("not in the schema")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, s := range texts {
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if fd == nil || fd.Kind() != protoreflect.BytesKind || fd.IsList() || !readable(m, fd) {
			return fmt.Errorf("%s%s: not in the schema", name, textSuffix)
		}
		if string(m.Get(fd).Bytes()) != s {
			return fmt.Errorf("%s%s: differs from the bytes in %s, which count; change both", name, textSuffix, name)
		}
	}
	return p.delim('}')
}

func (p *parser) text() (string, error) {
	t, err := p.d.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("want a string, got %s", kindOfToken(t))
	}
	return s, nil
}

func (p *parser) bytes() ([]byte, error) {
	s, err := p.text()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return b, nil
}

func (p *parser) unknown(m protoreflect.Message) error {
	b, err := p.bytes()
	if err != nil {
		return err
	}
	for rest := b; len(rest) > 0; {
		n, _, size := protowire.ConsumeField(rest)
		if size < 0 {
			return errors.New("not fields of a message")
		}
		if m.Descriptor().Fields().ByNumber(n) != nil {
			return fmt.Errorf("field %d is one of this schema", n)
		}
		rest = rest[size:]
	}
	m.SetUnknown(b)
	return nil
}

func (p *parser) field(m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	if o := fd.ContainingOneof(); o != nil {
		if other := m.WhichOneof(o); other != nil && other != fd {
			return fmt.Errorf("%s is there too, and only one may be", other.Name())
		}
	}
	if !fd.IsList() {
		v, err := p.value(fd, m.NewField)
		if err == nil {
			m.Set(fd, v)
		}
		return err
	}
	if err := p.delim('['); err != nil {
		return err
	}
	l := m.Mutable(fd).List()
	for p.d.More() {
		v, err := p.value(fd, func(protoreflect.FieldDescriptor) protoreflect.Value { return l.NewElement() })
		if err != nil {
			return fmt.Errorf("[%d]: %w", l.Len(), err)
		}
		l.Append(v)
	}
	return p.delim(']')
}

func (p *parser) value(fd protoreflect.FieldDescriptor, empty func(protoreflect.FieldDescriptor) protoreflect.Value) (protoreflect.Value, error) {
	var none protoreflect.Value
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		v := empty(fd)
		return v, p.message(v.Message(), false)
	case protoreflect.StringKind:
		s, err := p.text()
		return protoreflect.ValueOfString(s), err
	case protoreflect.BytesKind:
		b, err := p.bytes()
		return protoreflect.ValueOfBytes(b), err
	}
	t, err := p.d.Token()
	if err != nil {
		return none, err
	}
	switch t := t.(type) {
	case bool:
		if fd.Kind() == protoreflect.BoolKind {
			return protoreflect.ValueOfBool(t), nil
		}
	case string:
		switch fd.Kind() {
		case protoreflect.EnumKind:
			if d := fd.Enum().Values().ByName(protoreflect.Name(t)); d != nil {
				return protoreflect.ValueOfEnum(d.Number()), nil
			}
			return none, fmt.Errorf("no %s of that name", fd.Enum().Name())
		case protoreflect.DoubleKind, protoreflect.FloatKind:
			if f, err := strconv.ParseFloat(t, 64); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
				return float(fd, f), nil
			}
		}
	case json.Number:
		if v, ok := number(fd, t.String()); ok {
			return v, nil
		}
		return none, fmt.Errorf("the number is not a %s", fd.Kind())
	}
	return none, fmt.Errorf("want a %s, got %s", fd.Kind(), kindOfToken(t))
}

func float(fd protoreflect.FieldDescriptor, f float64) protoreflect.Value {
	if fd.Kind() == protoreflect.FloatKind {
		return protoreflect.ValueOfFloat32(float32(f))
	}
	return protoreflect.ValueOfFloat64(f)
}

func number(fd protoreflect.FieldDescriptor, s string) (protoreflect.Value, bool) {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		n, err := strconv.ParseInt(s, 10, 32)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), err == nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(s, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err == nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(s, 10, 64)
		return protoreflect.ValueOfInt64(n), err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(s, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err == nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(s, 10, 64)
		return protoreflect.ValueOfUint64(n), err == nil
	case protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(s, 64)
		return protoreflect.ValueOfFloat64(f), err == nil
	case protoreflect.FloatKind:
		f, err := strconv.ParseFloat(s, 32)
		return protoreflect.ValueOfFloat32(float32(f)), err == nil
	}
	return protoreflect.Value{}, false
}
