package formattest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format/formattest"
)

// bundle is a Sigstore bundle.
func bundle(hint, payload string, sig []byte) string {
	b64 := base64.StdEncoding.EncodeToString
	return `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"` + hint + `"}},` +
		`"dsseEnvelope":{"payload":"` + b64([]byte(payload)) + `","payloadType":"` + payloadType + `","signatures":[{"sig":"` + b64(sig) + `"}]}}` + "\n"
}

// stamped is a time stamp as a bundle has it; stamp puts one into a bundle.
func stamped(b64 string) string {
	return `"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"` + b64 + `"}]}`
}

func stamp(b64 string) func(bundle string) string {
	return func(bundle string) string {
		return strings.Replace(bundle, `}},"dsseEnvelope"`, `},`+stamped(b64)+`},"dsseEnvelope"`, 1)
	}
}

func (h hand) bundle(payload string) string { return bundle(h.id(), payload, h.sign(payload)) }

// statement is what is signed of the archive as it is now.
func (f *forge) statement() string {
	return `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"manifest.json","digest":{"sha256":"` + fmt.Sprintf("%x", sha256.Sum256(f.get(manifestJSON))) +
		`"}}],"predicateType":"https://github.com/exitramp/exitramp/archive/v1","predicate":{"archive_id":"` + f.manifestValue("archive_id") + `"}}`
}

// attest puts bundles behind the manifest.
func (f *forge) attest(bundles ...string) *forge {
	for i, b := range bundles {
		f.members = append(f.members, part{fmt.Sprintf("attestations/%d.sigstore.json", i+1), []byte(b)})
	}
	return f
}

const firstBundle = "attestations/1.sigstore.json"

// trusts sets whom the reader trusts.
func trusts(threshold int, keys ...[]byte) func(v *formattest.Vector) {
	return func(v *formattest.Vector) { v.Trust, v.Threshold = keys, threshold }
}

// signedAccepted are archives that are signed as they should be.
func signedAccepted() []fault {
	signed := func(name, comment string, threshold int, hands func(t *testing.T) (sign, trust []hand)) fault {
		f := fault{name: "signed-" + name, expect: formattest.Accept, comment: comment, records: smallRecords}
		var keys [][]byte
		f.archive = func(t *testing.T) []byte {
			a := base(t)
			sign, trust := hands(t)
			var bs []string
			for _, h := range sign {
				bs = append(bs, h.bundle(a.statement()))
			}
			for _, h := range trust {
				keys = append(keys, h.der())
			}
			return a.attest(bs...).bytes()
		}
		f.more = func(v *formattest.Vector) { trusts(threshold, keys...)(v) }
		return f
	}
	var detached formattest.Vector
	return []fault{
		signed("p256", "signed with ECDSA on P-256", 0, func(t *testing.T) (a, b []hand) {
			return []hand{ecHand(t, "a")}, []hand{edHand(t, "c"), ecHand(t, "a")}
		}),
		signed("ed25519", "signed with Ed25519", 0, func(t *testing.T) (a, b []hand) { return []hand{edHand(t, "b")}, []hand{edHand(t, "b")} }),
		signed("two", "signed by two, and both are asked for", 2, func(t *testing.T) (a, b []hand) {
			return []hand{ecHand(t, "a"), edHand(t, "b")}, []hand{edHand(t, "b"), edHand(t, "c"), ecHand(t, "a")}
		}),
		signed("stranger", "signed by a stranger, and by one who is trusted", 0, func(t *testing.T) (a, b []hand) {
			return []hand{ecHand(t, "stranger"), ecHand(t, "a")}, []hand{ecHand(t, "a")}
		}),
		{name: "signed-stamped", expect: formattest.Accept, comment: "a time stamp with the signature, which nobody asked for", records: smallRecords, archive: func(t *testing.T) []byte {
			f, h := base(t), ecHand(t, "a")
			detached = formattest.Vector{Trust: [][]byte{h.der()}}
			return f.attest(stamp("c3RhbXA=")(h.bundle(f.statement()))).bytes()
		}, more: func(v *formattest.Vector) { v.Trust = detached.Trust }},
		{name: "signed-detached", expect: formattest.Accept, comment: "the signature lies beside the archive", records: smallRecords, archive: func(t *testing.T) []byte {
			f, h := base(t), ecHand(t, "a")
			detached = formattest.Vector{Trust: [][]byte{h.der()}, Bundles: [][]byte{[]byte(h.bundle(f.statement()))}}
			return f.bytes()
		}, more: func(v *formattest.Vector) { v.Trust, v.Bundles = detached.Trust, detached.Bundles }},
	}
}

// trustFaults are archives that are not signed as the reader asks, or not quite.
func trustFaults() []fault {
	// with is an archive with what make gives as attestations; the reader trusts a alone.
	with := func(name, class, comment, member string, make func(f *forge, a hand) []string) fault {
		var key []byte
		return fault{name: name, expect: class, comment: comment, member: member, archive: func(t *testing.T) []byte {
			f, a := base(t), ecHand(t, "a")
			key = a.der()
			return f.attest(make(f, a)...).bytes()
		}, more: func(v *formattest.Vector) { v.Trust = [][]byte{key} }}
	}
	// says is an archive of which a signed another payload.
	says := func(name, comment string, edit func(s string) string) fault {
		return with("statement-"+name, "statement", comment, firstBundle, func(f *forge, a hand) []string {
			s := edit(f.statement())
			if s == f.statement() {
				f.t.Fatal("the statement is the right one")
			}
			return []string{a.bundle(s)}
		})
	}
	put := func(old, now string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, now, 1) }
	}
	// spelled is an archive whose bundle, signed as it should be, is spelled otherwise.
	spelled := func(name, comment string, edit func(s string) string) fault {
		return with("bundle-"+name, "bundle", comment, firstBundle, func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			if edit(b) == b {
				f.t.Fatal("the bundle is the right one")
			}
			return []string{edit(b)}
		})
	}
	twice := func(name string) func(string) string { // the subject again, under this name
		return func(s string) string {
			at, end := strings.Index(s, `"subject":`), strings.Index(s, `"predicateType"`)
			again := strings.Replace(s[at:end], `"subject"`, `"`+name+`"`, 1)
			return s[:at] + again + s[at:]
		}
	}
	fs := []fault{
		spelled("stamp-empty", "a time stamp of no bytes", stamp("")),
		spelled("stamp-no-base64", "a time stamp that is not base64", stamp("c3RhbXA")),
		spelled("stamp-long", "a time stamp of more than 32 KiB", stamp(strings.Repeat("AAAA", 10923))),
		spelled("stamp-two", "two time stamps", func(s string) string {
			return strings.Replace(stamp("c3RhbXA=")(s), `"c3RhbXA="}`, `"c3RhbXA="},{"signedTimestamp":"c3RhbXA="}`, 1)
		}),
		spelled("stamp-first", "the time stamp in front of the key", func(s string) string {
			return strings.Replace(s, `"publicKey"`, stamped("c3RhbXA=")+`,"publicKey"`, 1)
		}),
		with("unsigned", "unsigned", "nobody signed it", manifestJSON, func(*forge, hand) []string { return nil }),
		with("unpinned-key", "untrusted", "signed by a stranger", manifestJSON, func(f *forge, a hand) []string {
			return []string{ecHand(f.t, "stranger").bundle(f.statement())}
		}),
		with("right-hint", "untrusted", "signed by a stranger, under the name of the trusted key", firstBundle, func(f *forge, a hand) []string {
			return []string{bundle(a.id(), f.statement(), ecHand(f.t, "stranger").sign(f.statement()))}
		}),
		with("right-hint-ed25519", "untrusted", "an Ed25519 signature under the name of an ECDSA key", firstBundle, func(f *forge, a hand) []string {
			return []string{bundle(a.id(), f.statement(), edHand(f.t, "b").sign(f.statement()))}
		}),
		with("wrong-hint", "untrusted", "signed by the trusted key, under the name of a stranger", manifestJSON, func(f *forge, a hand) []string {
			return []string{bundle(edHand(f.t, "b").id(), f.statement(), a.sign(f.statement()))}
		}),
		with("signature-flipped", "untrusted", "a bit of the signature is another", firstBundle, func(f *forge, a hand) []string {
			s := a.sign(f.statement())
			s[20] ^= 1
			return []string{bundle(a.id(), f.statement(), s)}
		}),
		with("signature-empty", "untrusted", "no bytes in the signature", firstBundle, func(f *forge, a hand) []string {
			return []string{bundle(a.id(), f.statement(), nil)}
		}),
		with("signature-high-s", "untrusted", "the other form of the same ECDSA signature", firstBundle, func(f *forge, a hand) []string {
			r, s := rs(f.t, a.sign(f.statement()))
			return []string{bundle(a.id(), f.statement(), ecDER(f.t, r, otherS(s)))}
		}),
		with("signature-raw", "untrusted", "an ECDSA signature as two numbers without DER", firstBundle, func(f *forge, a hand) []string {
			r, s := rs(f.t, a.sign(f.statement()))
			return []string{bundle(a.id(), f.statement(), append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))}
		}),
		with("signature-trailing", "untrusted", "a byte behind the signature", firstBundle, func(f *forge, a hand) []string {
			return []string{bundle(a.id(), f.statement(), append(a.sign(f.statement()), 0))}
		}),
		with("not-dsse", "untrusted", "the signature is over the statement alone", firstBundle, func(f *forge, a hand) []string {
			return []string{bundle(a.id(), f.statement(), a.raw(f.statement()))}
		}),
		with("good-then-bad", "untrusted", "a good signature, and a second one that is not by the key it names", "attestations/2.sigstore.json", func(f *forge, a hand) []string {
			s := f.statement()
			return []string{a.bundle(s), bundle(a.id(), s, ecHand(f.t, "stranger").sign(s))}
		}),
		with("good-then-garbage", "bundle", "a good signature, and a second one that is none", "attestations/2.sigstore.json", func(f *forge, a hand) []string {
			return []string{a.bundle(f.statement()), "garbage"}
		}),

		says("two-subjects", "a second subject", put(`}],"predicateType"`, `},{"name":"other.json","digest":{"sha256":"`+strings.Repeat("5a", 32)+`"}}],"predicateType"`)),
		says("other-first", "a second subject, in front", put(`"subject":[`, `"subject":[{"name":"other.json","digest":{"sha256":"`+strings.Repeat("5a", 32)+`"}},`)),
		says("no-subject", "no subject", func(s string) string {
			at, end := strings.Index(s, `"subject":[`)+11, strings.Index(s, `],"predicateType"`)
			return s[:at] + s[end:]
		}),
		says("duplicate-subject", "subject twice", twice("subject")),
		says("case-subject", "subject, and Subject", twice("Subject")),
		says("subject-name", "another name of the subject", put("manifest.json", "manifest-sha256.txt")),
		says("subject-digests", "a second digest of the subject", put(`"sha256":`, `"sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709","sha256":`)),
		says("digest-upper-case", "the digest in upper case", func(s string) string {
			at := strings.Index(s, `"sha256":"`) + 10
			return s[:at] + strings.ToUpper(s[at:at+64]) + s[at+64:]
		}),
		says("other-digest", "about another manifest", func(s string) string {
			at := strings.Index(s, `"sha256":"`) + 10
			return s[:at] + strings.Repeat("5a", 32) + s[at+64:]
		}),
		says("predicate-type", "a predicate of another type", put("archive/v1", "archive/v2")),
		says("type", "a statement of an older version", put("Statement/v1", "Statement/v0.1")),
		says("archive-id", "the right digest, and the id of another archive", func(s string) string {
			at := strings.Index(s, `"archive_id":"`) + 14
			return s[:at] + strings.Repeat("a", 26) + s[at+26:]
		}),
		says("predicate-more", "more in the predicate", put(`"predicate":{`, `"predicate":{"verdict":"COMPLETE",`)),
		says("predicate-missing", "no archive_id", func(s string) string {
			return s[:strings.Index(s, `"predicate":{`)] + `"predicate":{}}`
		}),
		says("spaces", "spaces between", put(`,"predicate"`, `, "predicate"`)),
		says("escaped", "a letter of the name escaped", put("manifest.json", `\u006danifest.json`)),
		says("trailing", "a second document behind it", func(s string) string { return s + "{}" }),
		says("not-json", "no JSON", func(s string) string { return "manifest.json" }),

		spelled("duplicate-key", "dsseEnvelope twice", func(s string) string {
			at := strings.Index(s, `"dsseEnvelope"`)
			return s[:at] + strings.TrimSuffix(s[at:], "}\n") + "," + s[at:]
		}),
		spelled("duplicate-inside", "payload twice", put(`"payload":`, `"payload":"e30=","payload":`)),
		spelled("case-variant", "mediaType, and MediaType", put(`{"mediaType"`, `{"MediaType":"x","mediaType"`)),
		spelled("case", "MediaType in place of mediaType", put(`{"mediaType"`, `{"MediaType"`)),
		spelled("unknown-key", "a name that no release has", put(`{"mediaType"`, `{"note":"hello","mediaType"`)),
		spelled("media-type", "a bundle of an older version", put("bundle.v0.3", "bundle.v0.2")),
		spelled("payload-type", "a payload of another type", put(payloadType, "application/json")),
		spelled("two-signatures", "the same signature twice in a bundle", func(s string) string {
			at, end := strings.Index(s, `[{"sig"`)+1, strings.Index(s, `]}}`)
			return s[:end] + "," + s[at:end] + s[end:]
		}),
		spelled("no-signatures", "no signature in the bundle", func(s string) string {
			at, end := strings.Index(s, `[{"sig"`)+1, strings.Index(s, `]}}`)
			return s[:at] + s[end:]
		}),
		spelled("no-hint", "it does not say which key", func(s string) string {
			at := strings.Index(s, `{"hint"`)
			return s[:at] + "{}" + s[at+strings.Index(s[at:], "}")+1:]
		}),
		spelled("hint-short", "it names the key by half of the digest", func(s string) string {
			at := strings.Index(s, `"hint":"`) + 8
			return s[:at+32] + s[at+64:]
		}),
		spelled("certificate", "a certificate in place of the key", put(`"publicKey":{"hint":`, `"certificate":{"rawBytes":`)),
		spelled("spaces", "spaces between", put(`,"dsseEnvelope"`, `, "dsseEnvelope"`)),
		spelled("order", "the same names in another order", func(s string) string {
			const m = `"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"`
			return strings.TrimSuffix(strings.Replace(s, m+",", "", 1), "}\n") + "," + m + "}\n"
		}),
		spelled("no-newline", "the line does not end", func(s string) string { return strings.TrimSuffix(s, "\n") }),
		spelled("escaped", "a letter escaped", put("sigstore", `\u0073igstore`)),
		spelled("base64-url", "no padding", func(s string) string {
			at := strings.Index(s, `"payload":"`) + 11
			end := at + strings.Index(s[at:], `"`)
			return s[:at] + strings.TrimRight(s[at:end], "=") + strings.Repeat("=", 4) + s[end:]
		}),
		spelled("base64-line", "a line break in the signature", put(`[{"sig":"`, `[{"sig":"\n`)),
		spelled("trailing", "a second bundle behind the first", func(s string) string { return s + s }),
		spelled("byte-order-mark", "a byte order mark in front", func(s string) string { return "\uFEFF" + s }),
		spelled("invalid-utf8", "text that is not UTF-8", put(`"hint":"`, "\"hint\":\"\xff")),
		spelled("deep", "nested 40 deep", put(`{"mediaType"`, `{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,"mediaType"`)),
		spelled("not-json", "no JSON", func(s string) string { return "-----BEGIN SIGNATURE-----\n" }),
		spelled("empty", "no bytes", func(s string) string { return "" }),
		spelled("array", "a list of bundles", func(s string) string { return "[" + strings.TrimSuffix(s, "\n") + "]\n" }),

		with("too-large", "limit", "a bundle of more than 256 KiB", firstBundle, func(f *forge, a hand) []string {
			return []string{a.bundle(f.statement()) + strings.Repeat(" ", 256<<10)}
		}),
		with("too-many", "limit", "17 bundles", "attestations/17.sigstore.json", func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			return strings.SplitAfter(strings.Repeat(b, 17), "\n")[:17]
		}),
		with("key-twice", "threshold", "the same key signed twice, and two are asked for", manifestJSON, func(f *forge, a hand) []string {
			return []string{a.bundle(f.statement()), a.bundle(f.statement())}
		}),
		with("one-of-two", "threshold", "one of two trusted keys signed, and two are asked for", manifestJSON, func(f *forge, a hand) []string {
			return []string{a.bundle(f.statement()), ecHand(f.t, "stranger").bundle(f.statement())}
		}),
		with("shard-fewer", "statement", "a shard dropped, and all made again but the signature", firstBundle, func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			f.remove(memoryShard)
			f.refresh()
			return []string{b}
		}),
		with("manifest-space", "statement", "a space more in manifest.json", firstBundle, func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			f.set(manifestJSON, append(f.get(manifestJSON), ' '))
			return []string{b}
		}),
		with("sibling-bundle", "statement", "the signature of another archive", firstBundle, func(f *forge, a hand) []string {
			return []string{a.bundle(sibling(f.t).statement())}
		}),
		with("before-parsing", "statement", "a manifest that is not valid, and is not the one that was signed: the signature comes first", firstBundle, func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			f.set(manifestJSON, []byte("{"))
			return []string{b}
		}),
		with("signed-nonsense", "manifest", "a manifest with a name twice, and a good signature over it", manifestJSON, func(f *forge, a hand) []string {
			s := f.get(manifestJSON)
			f.set(manifestJSON, bytes.Replace(s, []byte("{\n"), []byte("{\n  \"sequence\": 1,\n"), 1))
			return []string{a.bundle(f.statement())}
		}),
		with("signed-flipped", "digest", "a good signature, and a byte of a shard is another", memoryShard, func(f *forge, a hand) []string {
			f.get(memoryShard)[20] ^= 1
			return []string{a.bundle(f.statement())}
		}).freed(3),
		with("not-numbered", "container", "attestations/2 without attestations/1", "attestations/2.sigstore.json", func(f *forge, a hand) []string {
			b := a.bundle(f.statement())
			f.members = append(f.members, part{"attestations/2.sigstore.json", []byte(b)})
			return nil
		}),
		with("in-front", "container", "the signature in front of the manifest", manifestJSON, func(f *forge, a hand) []string {
			f.addAfter(listTxt, firstBundle, []byte(a.bundle(f.statement())))
			return nil
		}),
	}
	for i := range fs {
		if fs[i].expect != "threshold" {
			continue
		}
		one, archive, second := fs[i].more, fs[i].archive, []byte(nil)
		fs[i].archive = func(t *testing.T) []byte {
			second = edHand(t, "b").der()
			return archive(t)
		}
		fs[i].more = func(v *formattest.Vector) {
			one(v)
			v.Trust, v.Threshold = append(v.Trust, second), 2
		}
	}
	var beside formattest.Vector
	return append(fs, fault{name: "sibling-detached", expect: "statement", comment: "the signature beside it is of another archive", archive: func(t *testing.T) []byte {
		a := ecHand(t, "a")
		beside = formattest.Vector{Trust: [][]byte{a.der()}, Bundles: [][]byte{[]byte(a.bundle(sibling(t).statement()))}}
		return base(t).bytes()
	}, more: func(v *formattest.Vector) { v.Trust, v.Bundles = beside.Trust, beside.Bundles }})
}
