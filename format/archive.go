package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/exitramp/exitramp/format/internal/container"
)

// archive is an archive of which container, policy, manifest and digest list were checked:
// steps 1 to 5. Nothing in it depends on a key.
type archive struct {
	ra     io.ReaderAt
	size   int64
	lim    Limits
	man    *manifest
	manSum [32]byte     // SHA-256 of manifest.json
	signed []TrustedKey // the keys whose signatures the policy found good
	facts  []string     // about freshness, that were checked

	entries []container.Entry // in the order of the file
	members map[string]*member
	prefix  string
	wraps   [][][]byte // key files by compartment
	bundles int
}

// member is one member by its name without the prefix.
type member struct {
	entry container.Entry
	place place
	sum   [32]byte // data members: as listed
	data  bool
	used  bool // a root speaks of it
}

// tailSize is what one request reads of the end: on most archives all that opening takes.
const tailSize = 1 << 20

// tailReader keeps the end of the file in memory.
type tailReader struct {
	io.ReaderAt
	tail []byte
	at   int64
}

func newTailReader(ra io.ReaderAt, size int64) (*tailReader, error) {
	t := &tailReader{ReaderAt: ra, at: max(0, size-tailSize)}
	t.tail = make([]byte, size-t.at)
	if n, err := ra.ReadAt(t.tail, t.at); n < len(t.tail) {
		if err == io.EOF || err == nil {
			return nil, refuse(ErrTruncated, "", fmt.Sprintf("the file ends %d bytes early", len(t.tail)-n))
		}
		return nil, fmt.Errorf("format: %w", err)
	}
	return t, nil
}

func (t *tailReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= t.at && off+int64(len(p)) <= t.at+int64(len(t.tail)) {
		return copy(p, t.tail[off-t.at:]), nil
	}
	return t.ReaderAt.ReadAt(p, off)
}

// openArchive does steps 1 to 5 of opening.
func openArchive(ra io.ReaderAt, size int64, opts *ReaderOptions) (*archive, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	a := &archive{size: size, lim: opts.Limits.orDefault()}
	t, err := newTailReader(ra, size)
	if err != nil {
		return nil, err
	}
	a.ra = t
	a.entries, err = container.Read(t, size, container.Limits{Members: a.lim.Members, Stored: a.lim.Stored})
	if err != nil {
		return nil, a.notContainer(t, err)
	}
	for _, step := range []func(*ReaderOptions) error{a.names, a.manifest, a.freshness, a.derived, a.list, a.keyFiles} {
		if err := step(opts); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// notContainer says what a file is that has no container of ours: another file, one that is
// cut off, or one that goes on after its end.
func (a *archive) notContainer(t *tailReader, err error) error {
	var ce *container.Error
	if !errors.As(err, &ce) || ce.Class != "truncated" && ce.Class != "short-trailer" {
		return containerError(err, "")
	}
	head := make([]byte, 35)
	n, _ := t.ReadAt(head, 0)
	switch {
	case a.size == 0:
		return refuse(ErrNotArchive, "", "the file is empty")
	case n < 4 || string(head[:4]) != "PK\x03\x04" || n > 30 && !strings.HasPrefix("ctxa-", string(head[30:n])):
		return refuse(ErrNotArchive, "", "other content")
	}
	if at := bytes.LastIndex(t.tail, []byte("PK\x06\x06")); at >= 0 && len(t.tail)-at > container.TrailerSize {
		return refuse(ErrContainer, "", fmt.Sprintf("%d bytes behind the end", len(t.tail)-at-container.TrailerSize))
	}
	return containerError(err, "")
}

// containerError turns an error of package container into a refusal.
func containerError(err error, member string) error {
	var ce *container.Error
	if !errors.As(err, &ce) {
		return fmt.Errorf("format: %w", err) // of the file
	}
	if member == "" {
		_, member, _ = strings.Cut(ce.Member, "/")
	}
	s := ErrContainer
	switch ce.Class {
	case "truncated":
		s = ErrTruncated
	case "limit":
		s = ErrLimit
	}
	return &Error{Class: nameOf(s), Member: member, Want: ce.Want, Got: ce.Got}
}

// names checks that all members are in one folder, in the grammar and in order.
func (a *archive) names(*ReaderOptions) error {
	last := 0
	a.members = make(map[string]*member, len(a.entries))
	all := make([]member, len(a.entries)) // a call for one record spends more on thousands of small ones
	for i, e := range a.entries {
		folder, name, _ := strings.Cut(e.Name, "/")
		if i == 0 {
			id, ok := parseID(strings.TrimPrefix(folder, "ctxa-"))
			if !ok || id.prefix() != folder+"/" || name != nameBagit {
				return mismatch(ErrNotArchive, "", "first member", "ctxa-<id>/bagit.txt", fmt.Sprintf("%q", e.Name))
			}
			a.prefix = id.prefix()
		}
		p := parseName(name)
		if folder+"/" != a.prefix || p.typ == typeNone {
			return mismatch(ErrContainer, "", "name of a member", "one of the grammar", fmt.Sprintf("%q", e.Name))
		}
		if r := p.rank(); r < last {
			return refuse(ErrContainer, name, "out of order")
		} else {
			last = r
		}
		all[i] = member{entry: e, place: p, data: strings.HasPrefix(name, "data/")}
		a.members[name] = &all[i]
	}
	for _, n := range []string{nameBagit, nameReadme, nameList, nameManifest} {
		if a.members[n] == nil {
			return refuse(ErrContainer, n, "missing")
		}
	}
	return nil
}

// rank is the place of a member in the order of the file.
func (p place) rank() int {
	switch p.typ {
	case typeSchema:
		return 2
	case typeRecords, typeVectors, typeIndex, typeOpaque, typeBlob:
		return 3
	case typeRoot:
		return 4
	case typeKey:
		return 5
	case typeAttestation:
		return 9
	}
	switch p.digest {
	case nameBagit:
		return 1
	case nameReadme:
		return 6
	case nameList:
		return 7
	}
	return 8
}

// manifest asks the policy first and parses then.
func (a *archive) manifest(opts *ReaderOptions) error {
	if n := a.members[nameManifest].entry.Size; n > maxManifest {
		return refuse(ErrLimit, nameManifest, fmt.Sprintf("%d bytes, at most %d", n, maxManifest))
	}
	raw, err := a.stored(nameManifest)
	if err != nil {
		return err
	}
	bundles, err := a.attestations()
	if err != nil {
		return err
	}
	if a.signed, err = opts.Policy.Check(bytes.Clone(raw), bundles); err != nil {
		return untrusted(err)
	}
	a.bundles = len(bundles)
	a.manSum = sha256.Sum256(raw)
	if a.man, err = parseManifest(raw, &a.lim); err != nil {
		return err
	}
	if a.man.id.prefix() != a.prefix {
		return mismatch(ErrManifest, nameManifest, "archive_id", strings.TrimSuffix(a.prefix, "/"), a.man.ArchiveID)
	}
	return nil
}

// untrusted is the refusal that a policy asked for.
func untrusted(err error) error {
	var e *Error
	if errors.As(err, &e) || errors.Is(err, ErrOptions) {
		return err
	}
	return &Error{Class: "untrusted", Member: nameManifest, Err: err}
}

// attestations reads the signature bundles.
func (a *archive) attestations() ([][]byte, error) {
	var out [][]byte
	for _, e := range a.entries {
		_, name, _ := strings.Cut(e.Name, "/")
		p := a.members[name].place
		if p.typ != typeAttestation {
			continue
		}
		if len(out) == a.lim.Attestations || e.Size > maxAttestation {
			return nil, refuse(ErrLimit, name, fmt.Sprintf("at most %d attestations of %d bytes", a.lim.Attestations, maxAttestation))
		}
		if p.n != uint64(len(out)+1) {
			return nil, refuse(ErrContainer, name, "attestations are not numbered from 1")
		}
		b, err := a.stored(name)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// derived makes bagit.txt and README.md again. bagit.txt lies at the other end of the file: here
// its size and CRC are compared, Verify reads it.
func (a *archive) derived(*ReaderOptions) error {
	e := a.members[nameBagit].entry
	if e.Size != int64(len(bagit)) || e.CRC != crc32.ChecksumIEEE([]byte(bagit)) {
		return refuse(ErrManifest, nameBagit, "not the constant that it has to be")
	}
	b, err := a.stored(nameReadme)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, readme(a.man)) {
		return refuse(ErrManifest, nameReadme, "not what follows from manifest.json")
	}
	return nil
}

// list reads manifest-sha256.txt: its digest, its order, and that it speaks of the data members
// and of no other.
func (a *archive) list(opts *ReaderOptions) error {
	b, err := a.stored(nameList)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != a.man.Payload.ManifestSHA256 {
		return mismatch(ErrDigest, nameList, "sha256", a.man.Payload.ManifestSHA256, got)
	}
	if err := a.listed(string(b)); err != nil {
		return err
	}
	n, size := uint64(0), uint64(0)
	schema := schemaName(a.man.SchemaSHA256)
	for name, m := range a.members {
		if !m.data {
			continue
		}
		n, size = n+1, size+uint64(m.entry.Size)
		if m.sum == ([32]byte{}) {
			return refuse(ErrDigest, name, "not in manifest-sha256.txt")
		}
		if m.place.typ == typeSchema && name != schema {
			return mismatch(ErrSchema, name, "schema", schema, name)
		}
	}
	if n != a.man.Payload.Members || size != a.man.Payload.Bytes {
		return mismatch(ErrManifest, nameManifest, "payload", fmt.Sprintf("%d members, %d bytes", a.man.Payload.Members, a.man.Payload.Bytes), fmt.Sprintf("%d, %d", n, size))
	}
	m := a.members[schema]
	if m == nil {
		return refuse(ErrSchema, schema, "missing")
	}
	if hex.EncodeToString(m.sum[:]) != a.man.SchemaSHA256 {
		return mismatch(ErrSchema, schema, "sha256", a.man.SchemaSHA256, hex.EncodeToString(m.sum[:]))
	}
	m.used = true
	if !opts.AcceptSchema && !publishedSchema(a.man.SchemaSHA256) {
		return refuse(ErrSchema, schema, "it may call things by other names; accept it only if you know where it is from")
	}
	return nil
}

func (a *archive) listed(list string) error {
	last := ""
	for line := range strings.Lines(list) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || !isHex(sum, 64) || !strings.HasSuffix(line, "\n") {
			return refuse(ErrManifest, nameList, fmt.Sprintf("line %.200q is not a digest, two spaces and a name", line))
		}
		if name <= last {
			return refuse(ErrManifest, nameList, fmt.Sprintf("%.200q is not in order", name))
		}
		last = name
		m := a.members[name]
		if m == nil || !m.data {
			return refuse(ErrDigest, nameList, fmt.Sprintf("%.200q is listed and not a data member of the archive", name))
		}
		hex.Decode(m.sum[:], []byte(sum)) // checked by isHex
	}
	return nil
}

// keyFiles reads the wrapped keys.
func (a *archive) keyFiles(opts *ReaderOptions) error {
	a.wraps = make([][][]byte, len(a.man.Compartments))
	for _, e := range a.entries {
		_, name, _ := strings.Cut(e.Name, "/")
		p := a.members[name].place
		if p.typ != typeKey {
			continue
		}
		if p.n >= uint64(len(a.wraps)) {
			return refuse(ErrManifest, name, "key of a compartment that the manifest does not name")
		}
		if len(a.wraps[p.n]) == a.lim.Wraps {
			return refuse(ErrLimit, name, fmt.Sprintf("more than %d key files in a compartment", a.lim.Wraps))
		}
		if p.sub != uint64(len(a.wraps[p.n])+1) {
			return refuse(ErrContainer, name, "key files are not numbered from 1")
		}
		b, err := a.stored(name)
		if err != nil {
			return err
		}
		a.wraps[p.n] = append(a.wraps[p.n], b)
	}
	return a.keysFrom(opts.Keys)
}

// stored reads a member as stored and checks its local header, its CRC and, for data, its digest.
func (a *archive) stored(name string) ([]byte, error) {
	var buf []byte
	return a.storedIn(&buf, name)
}

// storedIn is stored with a buffer that is used again.
func (a *archive) storedIn(buf *[]byte, name string) ([]byte, error) {
	m := a.members[name]
	if m == nil {
		return nil, refuse(ErrContainer, name, "missing")
	}
	b, err := container.ReadMemberIn(buf, a.ra, m.entry)
	if err != nil {
		return nil, containerError(err, name)
	}
	if m.data {
		if sum := sha256.Sum256(b); sum != m.sum {
			return nil, mismatch(ErrDigest, name, "sha256", hex.EncodeToString(m.sum[:]), hex.EncodeToString(sum[:]))
		}
	}
	if crc := crc32.ChecksumIEEE(b); crc != m.entry.CRC {
		return nil, mismatch(ErrDigest, name, "crc32", fmt.Sprintf("%08x", m.entry.CRC), fmt.Sprintf("%08x", crc))
	}
	return b, nil
}
