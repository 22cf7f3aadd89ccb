package format

import (
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/format/internal/seal"
)

// bagit is bagit.txt of every archive.
const bagit = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// readme is README.md: a pure function of the manifest, which the reader makes again and
// compares. Its text is part of ctxa/1: other words would be another format.
func readme(m *manifest) []byte {
	var b strings.Builder
	schema := schemaName(m.SchemaSHA256)
	fmt.Fprintf(&b, `# Agent state archive %s

Created %s. %d members of data, %d bytes. Coverage: %s.

This is a ZIP file, and also a BagIt bag. Every step below uses public tools alone: unzip,
sha256sum, zstd, protoc`, m.ArchiveID, m.CreatedAt, m.Payload.Members, m.Payload.Bytes, m.Coverage)
	if m.encrypted() {
		b.WriteString(", age")
	}
	fmt.Fprintf(&b, `. Run them in this folder.

## Check

    sha256sum -c manifest-sha256.txt
    sha256sum manifest-sha256.txt

The second digest has to be %s,
as manifest.json says under payload.manifest_sha256. Whoever has the digest of manifest.json
from a source that they trust has thereby checked everything.

Or whoever has the public key of who sealed it. Signatures lie in attestations/ or beside the archive:

    cosign verify-blob-attestation --key KEY --bundle attestations/1.sigstore.json --insecure-ignore-tlog --type %s manifest.json
`, m.Payload.ManifestSHA256, PredicateType)
	if m.encrypted() {
		readmeAge(&b, m, schema)
	} else {
		readmePlain(&b, schema)
	}
	b.WriteString(`
Each kind of record is a message of its own, in lower case in folder names and keys: kind memory
is exitramp.v1.Memory, and a member of records of it is one exitramp.v1.MemoryShard. A kind
that the schema does not have is read as exitramp.v1.UnknownShard.

## Blobs

Values above 256 KiB lie beside the records, 8 MiB a chunk; a record's blob.id names the folder.

`)
	if m.encrypted() {
		b.WriteString("    for f in data/b/00000001/*.age; do age -d -i compartment-0.txt \"$f\"; done | zstd -dc > blob\n")
	} else {
		b.WriteString("    cat data/b/00000001/*.zst | zstd -dc > blob\n")
	}
	b.WriteString(`
## Vectors

An Embedding whose vector is not in the record has vector_member and vector_index. A member of
vectors is one zstd frame of float32 words, rotated left by one bit and laid out as four byte
planes. These three lines of Python turn its content back into little-endian float32:

    import sys; p = sys.stdin.buffer.read(); n = len(p) // 4
    words = (p[i] | p[n+i] << 8 | p[2*n+i] << 16 | p[3*n+i] << 24 for i in range(n))
    sys.stdout.buffer.write(b"".join((w >> 1 | (w & 1) << 31).to_bytes(4, "little") for w in words))

The root says how long a vector of the member is and which member has which number.
`)
	return []byte(b.String())
}

func readmePlain(b *strings.Builder, schema string) {
	fmt.Fprintf(b, `
## Read

    S=%s
    zstd -dc data/root.pb.zst | protoc --descriptor_set_in=$S --decode=exitramp.v1.Root
    for f in data/r/memory/*.zst; do zstd -dc $f | protoc --descriptor_set_in=$S --decode=exitramp.v1.MemoryShard; done

The root names every member, its kind and its number of records.
`, schema)
}

func readmeAge(b *strings.Builder, m *manifest, schema string) {
	b.WriteString(`
## Keys

Each compartment has a key of its own, wrapped for its recipients in keys/<compartment>/. One of
the files opens with your identity, or with your passphrase if you leave -i out:

    age -d -i YOUR-IDENTITY keys/0/1.age > compartment-0.txt

`)
	if m.shreddable() {
		b.WriteString("They are not in this archive but in a folder beside it, which has its name and .keys: copy that to keys.\n\n")
	}
	for _, c := range m.Compartments {
		fmt.Fprintf(b, "- compartment %d: weakest recipient is %s; opens with age %s or later\n",
			c.N, c.Weakest, seal.ParseClass(c.Weakest).OldestAge())
	}
	fmt.Fprintf(b, `
## Read

    S=%s
    age -d -i compartment-0.txt data/root.pb.zst.age | zstd -dc | protoc --descriptor_set_in=$S --decode=exitramp.v1.Root
    age -d -i compartment-0.txt data/x/NUMBER.pb.zst.age | zstd -dc | protoc --descriptor_set_in=$S --decode=exitramp.v1.KINDShard

The root names every member of its compartment, its kind and its number of records: take NUMBER
and KIND from there. The roots of further compartments are data/root-1.pb.zst.age and so on.
Encryption keeps content secret. Who wrote the archive, only a signature tells.
`, schema)
}
