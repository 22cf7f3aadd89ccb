package format_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/formattest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func allVectors(t testing.TB) []formattest.Vector {
	t.Helper()
	vs, err := formattest.All() // none is an error
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

// readerOptions are the options that the header of v asks for.
func readerOptions(t testing.TB, v *formattest.Vector) *format.ReaderOptions {
	t.Helper()
	o := &format.ReaderOptions{
		AcceptSchema: v.AcceptSchema, Lineage: v.Lineage, MinSequence: v.MinSequence, Partial: v.Level == format.LevelStored,
	}
	if !v.NoPolicy {
		o.Policy = format.IntegrityOnly()
	}
	if len(v.Trust) > 0 {
		p := &format.Trust{Threshold: v.Threshold, Bundles: v.Bundles}
		for _, der := range v.Trust {
			ks, err := format.ParseTrust(bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
			if err != nil {
				t.Fatal(err)
			}
			p.Keys = append(p.Keys, ks...)
		}
		o.Policy = p
	}
	if len(v.Identities) > 0 {
		ids, err := format.ParseIdentities(strings.NewReader(strings.Join(v.Identities, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		o.Identities = ids
	}
	if len(v.Keys) > 0 {
		files := fstest.MapFS{}
		for name, b := range v.Keys {
			files[name] = &fstest.MapFile{Data: b}
		}
		o.Keys = files
	}
	if v.Passphrase != "" {
		id, err := format.PassphraseIdentity(v.Passphrase)
		if err != nil {
			t.Fatal(err)
		}
		o.Identities = append(o.Identities, id)
	}
	return o
}

// released reads all records, and of those that came before an error also the blobs.
func released(b []byte, o *format.ReaderOptions) ([]agentstate.Record, error) {
	r, err := format.NewReader(bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []agentstate.Record
	for rec, err := range r.Records(context.Background(), nil) {
		if err != nil {
			return out, err
		}
		out = append(out, rec)
	}
	for _, rec := range out {
		var failed error
		agentstate.Blobs(rec, func(bl *pb.Blob) {
			rc, err := r.OpenBlob(context.Background(), bl)
			if err == nil {
				_, err = io.Copy(io.Discard, rc)
				err = errors.Join(err, rc.Close())
			}
			failed = errors.Join(failed, err)
		})
		if failed != nil {
			return out, failed
		}
	}
	return out, nil
}

// Every vector is refused with the class in its header, naming the member, or accepted; and
// what leaves the Reader before the refusal is no more than the header allows, and sound.
func TestVectors(t *testing.T) {
	vs := allVectors(t)
	i := slices.IndexFunc(vs, func(v formattest.Vector) bool { return v.Name == "accept-small" })
	if i < 0 {
		t.Fatal("no vector accept-small")
	}
	recs, err := released(vs[i].Archive, readerOptions(t, &vs[i]))
	if err != nil {
		t.Fatal(err)
	}
	sound := map[string]agentstate.Record{}
	for _, r := range recs {
		sound[r.GetMeta().GetKey()] = r
	}
	for _, v := range vs {
		t.Run(v.Name, func(t *testing.T) {
			o := readerOptions(t, &v)
			got, readErr := released(v.Archive, o)
			ver, err := format.Verify(context.Background(), bytes.NewReader(v.Archive), int64(len(v.Archive)), &format.VerifyOptions{ReaderOptions: *o})
			if v.Expect == formattest.Accept {
				accept(t, &v, ver, err, len(got), readErr)
				return
			}
			refused(t, &v, err)
			if readErr != nil {
				refused(t, &v, readErr)
			}
			if len(got) > v.Released || readErr == nil && len(got) != v.Released {
				t.Errorf("%d records were released, want %d", len(got), v.Released)
			}
			for _, r := range got {
				if k := r.GetMeta().GetKey(); v.Released < len(recs) && !strings.HasPrefix(v.Name, "crypto-") && !proto.Equal(r, sound[k]) {
					t.Errorf("%s was released and is not what was sealed", k)
				}
			}
		})
	}
}

func accept(t *testing.T, v *formattest.Vector, ver *format.Verification, err error, records int, readErr error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if ver.Level != v.Level {
		t.Errorf("level %s, want %s", ver.Level, v.Level)
	}
	if got := len(ver.SignedBy); got != min(len(v.Trust), 1)*max(v.Threshold, 1) {
		t.Errorf("signed by %d keys: %s", got, ver.Authenticity)
	}
	if (ver.Level == format.LevelDeep) == (len(ver.NotVerified) > 0) {
		t.Errorf("level %s, not verified: %q", ver.Level, ver.NotVerified)
	}
	if v.Level == format.LevelStored && v.Records == 0 {
		if format.Class(readErr) != "no-identity" {
			t.Errorf("reading without a key: %v", readErr)
		}
		return
	}
	if readErr != nil || records != v.Records {
		t.Errorf("%d records, want %d: %v", records, v.Records, readErr)
	}
	n := uint64(0)
	for _, k := range ver.Records {
		n += k
	}
	if n != uint64(v.Records) {
		t.Errorf("%d records verified, want %d", n, v.Records)
	}
}

func refused(t *testing.T, v *formattest.Vector, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted, want %s", v.Expect)
		return
	}
	var fe *format.Error
	if !errors.As(err, &fe) {
		t.Errorf("not a *format.Error: %v", err)
		return
	}
	if got := format.Class(err); got != v.Expect {
		t.Errorf("class %q, want %q: %v", got, v.Expect, err)
	}
	if v.Member != "" && fe.Member != v.Member {
		t.Errorf("names member %q, want %q: %v", fe.Member, v.Member, err)
	}
	if !strings.HasPrefix(err.Error(), "format: ") || strings.Contains(err.Error(), "SECRET") || len(err.Error()) > 2000 {
		t.Errorf("message: %q", err)
	}
	if !slices.Contains(format.Classes(), v.Expect) {
		t.Errorf("no class %q", v.Expect)
	}
}

// Every class of refusal has a vector, so that a class cannot be forgotten; but no-identity, which
// is one of keys that are not at hand, proof, which is no archive (TestProofRefused), and
// timestamp (TestTimestampRefused).
func TestEveryClassHasAVector(t *testing.T) {
	have := map[string]bool{}
	for _, v := range allVectors(t) {
		have[v.Expect] = true
	}
	for _, c := range format.Classes() {
		if !have[c] && c != "no-identity" && c != "proof" && c != "timestamp" {
			t.Errorf("no vector of class %s", c)
		}
	}
}
