package formattest_test

import (
	"bytes"
	"fmt"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/formattest"
	"github.com/exitramp/exitramp/format/internal/seal"
)

// person is somebody who can open an archive.
type person struct {
	to   age.Recipient
	id   age.Identity
	text string
}

func newPerson(t *testing.T, classic bool) person {
	t.Helper()
	if classic {
		x, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		return person{x.Recipient(), x, x.String()}
	}
	h, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return person{h.Recipient(), h, h.String()}
}

const passphrase = "correct horse battery staple"

// spoken is a passphrase whose scrypt costs little.
func spoken(t *testing.T) person {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(10)
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return person{r, id, ""}
}

// sealedSmall is the small archive without its blob, whose sealing would run beside the making
// of salts and so not be the same each time.
func sealedSmall(t *testing.T, opts *format.WriterOptions, to ...person) *forge {
	t.Helper()
	opts.Created, opts.Workers = instant(), 1
	var ids []age.Identity
	for _, p := range to {
		opts.Recipients = append(opts.Recipients, p.to)
		ids = append(ids, p.id)
	}
	return newForge(t, write(t, opts, blobless()...), ids...)
}

const bloblessRecords = smallRecords - 1

func blobless() []agentstate.Record {
	var out []agentstate.Record
	for _, r := range small() {
		if agentstate.KindOf(r) != "channelvalue" {
			out = append(out, r)
		}
	}
	return out
}

// cryptoFaults are faults of keys and of what is sealed to them.
func cryptoFaults() []fault {
	// of makes a fault of an archive for a person; the identity is in the vector.
	of := func(name, class, comment, member string, classic bool, edit func(t *testing.T, f *forge, p person)) fault {
		var p person
		return fault{
			name: name, expect: class, comment: comment, member: member,
			archive: func(t *testing.T) []byte {
				p = newPerson(t, classic)
				f := sealedSmall(t, &format.WriterOptions{}, p)
				edit(t, f, p)
				return f.bytes()
			},
			more: func(v *formattest.Vector) { v.Identities = []string{p.text} },
		}
	}
	wrap := func(t *testing.T, k *seal.Key, to age.Recipient) []byte {
		t.Helper()
		files, err := seal.WrapFiles(k, []age.Recipient{to})
		if err != nil || len(files) != 1 {
			t.Fatal(len(files), err)
		}
		return files[0]
	}
	newKey := func(t *testing.T, c seal.Class) *seal.Key {
		t.Helper()
		k, err := seal.NewKey(c)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	const key, first = "keys/0/1.age", "data/x/00000001.pb.zst.age"
	return []fault{
		of("key-other-identity", "key", "the key file holds the identity of another archive", "", true, func(t *testing.T, f *forge, p person) {
			f.set(key, wrap(t, newKey(t, seal.Classic), p.to))
		}),
		of("key-no-identity", "key", "the key file holds no identity", "", true, func(t *testing.T, f *forge, p person) {
			var b bytes.Buffer
			w, err := age.Encrypt(&b, p.to)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, "open sesame\n")
			w.Close()
			f.set(key, b.Bytes())
		}),
		of("key-garbage", "key", "the key file is no age file", key, true, func(_ *testing.T, f *forge, _ person) { f.set(key, []byte("garbage\n")) }),
		of("key-cut", "key", "the key file ends in its header", key, true, func(_ *testing.T, f *forge, _ person) { f.set(key, f.get(key)[:100]) }),
		of("weaker-wrap", "key", "a classic key file added to a post-quantum archive", "keys/0/2.age", false, func(t *testing.T, f *forge, _ person) {
			f.addAfter(key, "keys/0/2.age", wrap(t, f.keys[0], newPerson(t, true).to))
		}),
		of("passphrase-wrap", "key", "a passphrase added to an archive without one", "keys/0/2.age", true, func(t *testing.T, f *forge, _ person) {
			f.addAfter(key, "keys/0/2.age", wrap(t, f.keys[0], spoken(t).to))
		}),
		{
			name: "scrypt-2-19", expect: "limit", comment: "a passphrase that costs 2^19", member: key, archive: func(t *testing.T) []byte {
				f := sealedSmall(t, &format.WriterOptions{}, spoken(t))
				b := bytes.Replace(f.get(key), []byte(" 10\n"), []byte(" 19\n"), 1)
				f.set(key, b)
				return f.bytes()
			}, more: func(v *formattest.Vector) { v.Passphrase = passphrase },
		},
		of("beside-and-inside", "manifest", "a key file inside, and the manifest says that they lie beside it", manifestJSON, true, func(t *testing.T, f *forge, p person) {
			b, keys := besides(t, p)
			*f = *newForge(t, b)
			f.addAfter("data/root.pb.zst.age", key, keys["0/1.age"])
		}),
		of("key-hole", "container", "key files 1 and 3", "keys/0/3.age", true, func(t *testing.T, f *forge, _ person) {
			f.addAfter(key, "keys/0/3.age", wrap(t, f.keys[0], newPerson(t, true).to))
		}),
		of("key-of-no-compartment", "manifest", "a key file of a compartment that the manifest does not have", "keys/1/1.age", true, func(t *testing.T, f *forge, p person) {
			f.addAfter(key, "keys/1/1.age", wrap(t, newKey(t, seal.Classic), p.to))
		}),
		of("many-wraps", "limit", "17 key files", "keys/0/17.age", true, func(_ *testing.T, f *forge, _ person) {
			last := key
			for n := 2; n <= 17; n++ {
				name := fmt.Sprintf("keys/0/%d.age", n)
				f.addAfter(last, name, f.get(key))
				last = name
			}
		}),
		of("recipient-sha256", "key", "the manifest names another key", "", true, func(t *testing.T, f *forge, _ person) {
			sum := newKey(t, seal.Classic).RecipientSHA256()
			f.manifest("recipient_sha256", fmt.Sprintf(`"%x"`, sum))
		}),
		of("weakest", "key", "the manifest says post-quantum of a classic key file", key, true, func(_ *testing.T, f *forge, _ person) {
			f.manifest("weakest", `"pq"`)
			f.readme("is classic; opens with age 1.0", "is pq; opens with age 1.3")
		}),
		of("weakest-word", "manifest", "a strength that no release has", manifestJSON, true, func(_ *testing.T, f *forge, _ person) { f.manifest("weakest", `"strong"`) }),
		of("member-other-key", "key", "a member sealed to another key", first, true, func(t *testing.T, f *forge, _ person) {
			b, err := newKey(t, seal.Classic).Seal(nil, f.frame(0, first))
			if err != nil {
				t.Fatal(err)
			}
			f.set(first, b)
			f.setRoot(0, f.root(0)).refresh()
		}),
		of("member-cut", "payload", "the last chunk of a member is cut by four bytes", first, true, func(_ *testing.T, f *forge, _ person) {
			r := f.root(0)
			f.set(first, f.get(first)[:len(f.get(first))-4])
			f.setRoot(0, r).refresh()
		}),
		of("member-flipped", "payload", "a bit in the last chunk of a member is another", first, true, func(_ *testing.T, f *forge, _ person) {
			r := f.root(0)
			f.get(first)[len(f.get(first))-9] ^= 1
			f.setRoot(0, r).refresh()
		}),
		of("member-trailing", "payload", "bytes behind the last chunk of a member", first, true, func(_ *testing.T, f *forge, _ person) {
			r := f.root(0)
			f.set(first, append(f.get(first), "more"...))
			f.setRoot(0, r).refresh()
		}),
		of("members-swapped", "payload", "two sealed members have each other's content, and list and root follow", "", true, func(_ *testing.T, f *forge, _ person) {
			const second = "data/x/00000002.pb.zst.age"
			r := f.root(0)
			a, b := f.get(first), f.get(second)
			f.set(first, b)
			f.set(second, a)
			for _, s := range r.Shards[:2] {
				s.RawSize = uint64(len(f.content(0, s.Member)))
			}
			f.setRoot(0, r).refresh()
		}),
		of("plain-member", "payload", "a member in the clear in an encrypted archive", "", true, func(_ *testing.T, f *forge, _ person) {
			const name = "data/r/origin/00000001.pb.zst"
			r := f.root(0)
			f.members[f.index(first)] = part{name, f.frame(0, first)}
			r.Shards[0].Member = name
			f.setRoot(0, r).refresh()
		}),
		of("said-to-be-plain", "manifest", "the manifest says that nothing is encrypted", readmeMD, true, func(_ *testing.T, f *forge, _ person) {
			f.manifest("encryption", `"none"`)
			b := f.get(manifestJSON)
			at, end := bytes.Index(b, []byte(`"compartments": [`)), bytes.Index(b, []byte(`"payload"`))
			f.set(manifestJSON, append(append(bytes.Clone(b[:at]), "\"compartments\": [],\n  "...), b[end:]...))
		}),
		{name: "added-to-plain", expect: "manifest", comment: "a key file in an archive that is not encrypted", member: key, archive: func(t *testing.T) []byte {
			f := base(t)
			f.addAfter(rootMember, key, wrap(t, newKey(t, seal.Classic), newPerson(t, true).to))
			return f.bytes()
		}},
	}
}
