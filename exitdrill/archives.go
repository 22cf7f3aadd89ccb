package exitdrill

import (
	"archive/zip"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// Seal exports src and signs the archive. An archive that is there is what a run of this drill left that
// was broken off right after; a drill that begins has looked.
func (w *wired) Seal(ctx context.Context, path string, src agentstate.Source, each func(agentstate.Record)) error {
	if mode := cmp.Or(w.p.Secrets, secrets.Label.String()); mode != "off" {
		s, err := secrets.New()
		if err != nil {
			return err
		}
		m, _ := secrets.ParseMode(mode) // the plan was checked
		src = secrets.Scan(src, s, secrets.Options{Mode: m})
	}
	o := &format.WriterOptions{Tool: w.tool(), Recipients: w.to, Source: fmt.Sprintf("drill %s of %s", w.p.Name, exporters.Redact(w.p.Source))}
	rep, err := format.Export(ctx, path, src, o, &agentstate.CopyOptions{Kinds: w.p.Kinds, OnRecord: each})
	switch {
	case err != nil && !errors.Is(err, format.ErrExists):
		return unsealed(path, rep, err)
	case w.signer == nil:
		return nil
	}
	if _, err = format.Sign(ctx, path, w.signer, w.stamps()); errors.Is(err, format.ErrSigned) {
		return nil
	}
	return err
}

// unsealed is err, and takes away what nobody can go on from.
func unsealed(path string, rep *agentstate.Report, err error) error {
	switch {
	case errors.Is(err, secrets.ErrFound): // no second attempt finds less
		return errors.Join(&drill.Refused{Class: "secrets", Err: err}, format.Discard(path))
	case errors.Is(err, format.ErrLocked) || errors.Is(err, format.ErrResume):
		return err
	case rep != nil:
		for kind, n := range rep.Records {
			if n > 0 && agentstate.IsState(kind) {
				return err
			}
		}
	}
	return errors.Join(err, format.Discard(path))
}

func (w *wired) tool() string {
	if w.o.Tool.Name == "" {
		return "exitramp"
	}
	return strings.TrimSpace(w.o.Tool.Name + " " + w.o.Tool.Version)
}

func (w *wired) reader() format.ReaderOptions {
	return format.ReaderOptions{Policy: w.policy, Identities: w.ids}
}

// Open opens the archive with that manifest to act on.
func (w *wired) Open(_ context.Context, path, manifest string) (drill.Runtime, error) {
	r, err := w.archive(path)
	if err != nil {
		return nil, err
	}
	if sum := r.Info().ManifestSHA256; hex.EncodeToString(sum[:]) != manifest {
		return nil, errors.Join(fmt.Errorf("%w: %s: want manifest sha256 %s, got %x", drill.ErrExchanged, path, manifest, sum), r.Close())
	}
	return r, nil
}

func (w *wired) archive(path string) (*format.Reader, error) {
	o := w.reader()
	r, err := format.Open(path, &o)
	if err != nil {
		return nil, refused(path, err)
	}
	return r, nil
}

func refused(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	if c := format.Class(err); c != "" {
		return &drill.Refused{Class: c, Err: err}
	}
	return err
}

// Check verifies every byte and record.
func (w *wired) Check(ctx context.Context, path string) (*drill.Facts, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o := w.reader()
	o.Keys = format.KeysBeside(path)
	v, err := format.Verify(ctx, f, fi.Size(), &format.VerifyOptions{ReaderOptions: o, Require: w.escrow})
	if err != nil {
		return nil, refused(path, err)
	}
	in, err := format.Inspect(f, fi.Size(), &o)
	if err != nil {
		return nil, refused(path, err)
	}
	facts := &drill.Facts{
		Archive: evidence.Archive{
			ID: in.ArchiveID, Format: "ctxa/1", Bytes: fi.Size(), ManifestSHA256: in.ManifestHex(), Encrypted: in.Encryption != "none",
			Coverage: in.Coverage, Sealed: in.Created, TreeRoot: evidence.Digest{SHA256: in.RecordsRoot}, TreeLeaves: in.Shards,
		},
		Tool: in.Tool, Lineage: in.Lineage, Sequence: in.Sequence, Records: map[string]uint64{}, Verdict: in.Verdict, Dangling: v.Dangling, Unknown: v.Unknown,
		Known: in.KnownSchema, Weakest: in.Weakest, Escrow: uint64(len(w.escrow)), Origins: in.Origins, Statements: in.Statements, Gaps: in.Gaps,
		NotVerified: v.NotVerified, Roots: in.Roots,
	}
	for kind, n := range in.Records {
		if agentstate.IsState(kind) && n > 0 {
			facts.Records[kind] = n
			facts.Archive.Records += n
		}
	}
	for _, k := range v.SignedBy {
		facts.Archive.SignedBy = append(facts.Archive.SignedBy, k.ID)
		facts.Stamped = k.Time
	}
	for i, c := range in.Compartments {
		facts.Archive.Recipients = append(facts.Archive.Recipients, evidence.Recipient{Type: c.Weakest, Fingerprint: w.opener(f, fi.Size(), o, i), Role: "operator", OpenedInDrill: c.Open})
	}
	for _, id := range w.escrow {
		facts.Archive.Recipients = append(facts.Archive.Recipients, evidence.Recipient{Type: in.Weakest, Fingerprint: fingerprint(id), Role: "escrow", OpenedInDrill: true})
	}
	if facts.Archive.Schemas, err = schemas(f, fi.Size(), facts.Records); err != nil {
		return nil, refused(path, err)
	}
	facts.Schemas = map[string]bool{}
	for _, s := range facts.Archive.Schemas {
		facts.Schemas[s.Kind] = true
	}
	if w.o.Independent != nil && len(v.SignedBy) > 0 {
		if facts.Independent, err = w.o.Independent(ctx, path, v.SignedBy); err != nil {
			return nil, &drill.Refused{Class: "independent", Err: err}
		}
	}
	return facts, nil
}

// opener is the fingerprint of the first of the plan's identities that opens a compartment, of those that say their public key;
// empty: none does. Another one, as of a plugin, is not asked again: somebody may have to touch something.
func (w *wired) opener(ra io.ReaderAt, size int64, o format.ReaderOptions, compartment int) string {
	for _, id := range w.ids {
		fp := fingerprint(id)
		if fp == "" {
			continue
		}
		o.Identities = []age.Identity{id}
		if in, err := format.Inspect(ra, size, &o); err == nil && compartment < len(in.Compartments) && in.Compartments[compartment].Open {
			return fp
		}
	}
	return ""
}

// fingerprint tells one key from others: the first 16 hex digits of the SHA-256 of its public key, as keygen prints it.
// Empty: it is of a kind that does not say its public key, such as a plugin's.
func fingerprint(id age.Identity) string {
	var public fmt.Stringer
	switch k := id.(type) {
	case *age.HybridIdentity:
		public = k.Recipient()
	case *age.X25519Identity:
		public = k.Recipient()
	default:
		return ""
	}
	sum := sha256.Sum256([]byte(public.String()))
	return hex.EncodeToString(sum[:8])
}

// maxSchema is the size of a schema.
const maxSchema = 16 << 20

// schemas tells which file inside the archive describes which of kinds. It is read as anybody would.
func schemas(ra io.ReaderAt, size int64, kinds map[string]uint64) ([]evidence.Schema, error) {
	z, err := zip.NewReader(ra, size)
	if err != nil {
		return nil, err
	}
	messages := map[string]evidence.Schema{}
	for _, f := range z.File {
		_, name, ok := strings.Cut(f.Name, "/data/schema/")
		if !ok {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(rc, maxSchema))
		if err := errors.Join(err, rc.Close()); err != nil {
			return nil, err
		}
		var set descriptorpb.FileDescriptorSet
		if err := proto.Unmarshal(b, &set); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		at := evidence.Schema{File: "data/schema/" + name, Digest: evidence.Digest{SHA256: hex.EncodeToString(sum[:])}}
		for _, file := range set.File {
			for _, m := range file.MessageType {
				messages[file.GetPackage()+"."+m.GetName()] = at
			}
		}
	}
	var out []evidence.Schema
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		if s, ok := messages[string(agentstate.New(k).ProtoReflect().Descriptor().FullName())]; ok {
			s.Kind = k
			out = append(out, s)
		}
	}
	return out, nil
}
