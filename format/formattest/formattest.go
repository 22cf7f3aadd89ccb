// Package formattest holds the vectors of the archive format: small archives of which each has
// one fault, or none, with the class that a reader has to refuse it with. They are files for
// readers in any language: a header of "name: value" lines, an empty line, and the archive to
// the end of the file. Names of the header that a reader does not know are to be passed over.
//
//	expect: digest            the class of the refusal, or accept
//	comment: …                what is wrong with it
//	member: data/root.pb.zst  whom the refusal names; left out where it is the archive as a whole
//	released: 3               records that may leave a reader before it refuses; left out: none
//	records: 12               of an accepted archive, that the identities at hand open
//	level: stored             of an accepted archive, when it is not deep
//	identity: AGE-SECRET-…    to open it with; may come several times
//	passphrase: …             to open it with
//	key: 0/1.age …            a key file beside the archive, in base64; may come several times
//	policy: none              the reader is given no policy
//	trust: …                  a public key (SubjectPublicKeyInfo) in base64; may come several times.
//	                          Without one the reader asks for integrity alone
//	threshold: 2              by how many of them it has to be signed; left out: one
//	bundle: …                 a signature beside the archive, in base64; may come several times
//	min-sequence: 7           the reader asks for this or a later one
//	lineage: …                the reader asks for this line of archives
//	accept-schema: yes        the reader takes a schema that no release published
//
// All of them are in testdata/vectors.tar.zst, since they differ in a few bytes each; a list with
// what is wrong with each is testdata/vectors.txt. The package is for tests, ours and those of
// other readers. The vectors are made by its own tests: go test ./format/formattest -update.
package formattest

import (
	"archive/tar"
	"bytes"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

//go:embed testdata/vectors.tar.zst
var packed []byte

// maxUnpacked is more than all vectors take.
const maxUnpacked = 64 << 20

// Accept is Vector.Expect of an archive without a fault.
const Accept = "accept"

// Vector is one archive and what a reader has to do with it.
type Vector struct {
	Name    string // of the file, without its extension
	Expect  string // Accept, or the class of the refusal
	Comment string
	Member  string // named by the refusal, without the archive's prefix; empty: any or none

	Released int    // records that may leave the reader before it refuses
	Records  int    // of an accepted archive
	Level    string // of an accepted archive: "deep" or "stored"

	Identities   []string // AGE-SECRET-KEY-…
	Passphrase   string
	Keys         map[string][]byte // key files beside the archive, by name: "0/1.age"
	NoPolicy     bool
	Trust        [][]byte // public keys, SubjectPublicKeyInfo; none: integrity alone is asked for
	Threshold    int      // of them; 0: one
	Bundles      [][]byte // signatures beside the archive
	MinSequence  uint64
	Lineage      string
	AcceptSchema bool

	Archive []byte
}

// FS is the vectors as files, <name>.vector.
func FS() (fs.FS, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("formattest: %w", err)
	}
	defer dec.Close()
	b, err := dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("formattest: vectors.tar.zst: %w", err)
	}
	out := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("formattest: vectors.tar.zst: %w", err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("formattest: vectors.tar.zst: %w", err)
		}
		out[h.Name] = &fstest.MapFile{Data: body, Mode: 0o444}
	}
}

// All reads every vector, by name. None at all is an error: a test that walks an empty list
// would pass.
func All() ([]Vector, error) {
	files, err := FS()
	if err != nil {
		return nil, err
	}
	es, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("formattest: %w", err)
	}
	var out []Vector
	for _, e := range es {
		b, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, fmt.Errorf("formattest: %w", err)
		}
		v, err := Parse(b)
		if err != nil {
			return nil, fmt.Errorf("formattest: %s: %w", e.Name(), err)
		}
		v.Name = strings.TrimSuffix(e.Name(), ".vector")
		out = append(out, *v)
	}
	if len(out) == 0 {
		return nil, errors.New("formattest: no vectors")
	}
	return out, nil
}

// Parse reads a vector's file. Its name is not in it.
func Parse(b []byte) (*Vector, error) {
	head, body, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return nil, errors.New("no empty line behind the header")
	}
	v := &Vector{Archive: body}
	for line := range strings.Lines(string(head)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			return nil, fmt.Errorf("header line %q has no value", line)
		}
		if err := v.set(name, value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if v.Expect == "" {
		return nil, errors.New("expect is missing")
	}
	if v.Level == "" && v.Expect == Accept {
		v.Level = "deep"
	}
	return v, nil
}

func (v *Vector) set(name, value string) (err error) {
	switch name {
	case "expect":
		v.Expect = value
	case "comment":
		v.Comment = value
	case "member":
		v.Member = value
	case "released":
		v.Released, err = strconv.Atoi(value)
	case "records":
		v.Records, err = strconv.Atoi(value)
	case "level":
		v.Level = value
	case "identity":
		v.Identities = append(v.Identities, value)
	case "passphrase":
		v.Passphrase = value
	case "key":
		name, body, _ := strings.Cut(value, " ")
		if v.Keys == nil {
			v.Keys = map[string][]byte{}
		}
		v.Keys[name], err = base64.StdEncoding.DecodeString(body)
	case "policy":
		v.NoPolicy = value == "none"
	case "trust":
		v.Trust, err = appendBase64(v.Trust, value)
	case "threshold":
		v.Threshold, err = strconv.Atoi(value)
	case "bundle":
		v.Bundles, err = appendBase64(v.Bundles, value)
	case "min-sequence":
		v.MinSequence, err = strconv.ParseUint(value, 10, 64)
	case "lineage":
		v.Lineage = value
	case "accept-schema":
		v.AcceptSchema = value == "yes"
	}
	return err
}

func appendBase64(list [][]byte, value string) ([][]byte, error) {
	b, err := base64.StdEncoding.DecodeString(value)
	return append(list, b), err
}

// Marshal is the file of v.
func (v *Vector) Marshal() []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("expect", v.Expect)
	line("comment", v.Comment)
	line("member", v.Member)
	line("released", strconv.Itoa(v.Released))
	line("records", strconv.Itoa(v.Records))
	if v.Level != "deep" {
		line("level", v.Level)
	}
	for _, id := range v.Identities {
		line("identity", id)
	}
	line("passphrase", v.Passphrase)
	for _, name := range slices.Sorted(maps.Keys(v.Keys)) {
		line("key", name+" "+base64.StdEncoding.EncodeToString(v.Keys[name]))
	}
	if v.NoPolicy {
		line("policy", "none")
	}
	for _, k := range v.Trust {
		line("trust", base64.StdEncoding.EncodeToString(k))
	}
	line("threshold", strconv.Itoa(v.Threshold))
	for _, b := range v.Bundles {
		line("bundle", base64.StdEncoding.EncodeToString(b))
	}
	line("min-sequence", strconv.FormatUint(v.MinSequence, 10))
	line("lineage", v.Lineage)
	if v.AcceptSchema {
		line("accept-schema", "yes")
	}
	b.WriteByte('\n')
	b.Write(v.Archive)
	return b.Bytes()
}
