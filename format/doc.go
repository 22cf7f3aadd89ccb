// Package format is the archive: agent state sealed in one file, .ctxa, that can be checked
// whole, read by key, and read without this package.
//
// An archive is a ZIP of stored members and also a BagIt bag. Members of records are single
// zstd frames of protobuf shards; each may be an age file. One list holds the SHA-256 of every
// data member, one small manifest the SHA-256 of that list. unzip, sha256sum, age, zstd and
// protoc open it all; the README.md inside says how. SPEC.md is the normative text.
//
// A [Writer] is where agentstate.Copy puts records: [Create] writes a file and resumes a broken
// run, [NewWriter] writes to any io.Writer. [Export] is Create and Copy in one. A [Reader] is an
// agentstate.Source over an io.ReaderAt, with access by key. [Verify] checks everything and says
// what it has checked; [Inspect] says what an archive holds.
//
// # What is promised
//
// Files: every release opens the archives of all releases before it. What an older release does
// not know is carried, reported and never applied; what it must not ignore is in the manifest's
// requires, and it refuses.
//
// Trust: a reader without a [Policy] is refused. [Trust] asks for signatures by known keys, which
// [Sign] makes; cosign and openssl check them as well. [IntegrityOnly] finds every change since
// sealing and says nothing of who sealed. Encryption keeps content secret and says nothing of it
// either. [Reader.Prove] shows one record of a signed archive to somebody who may not see the
// rest, [CheckProof] checks that; a [Ledger] tells an old archive from the newest.
//
// Bytes: what is read is hostile until it is checked, and bounded by [Limits]. Every refusal is
// an [*Error] whose [Class] is one of [Classes].
//
// Memory: a writer and a reader hold a fixed number of shards, whatever the size of the archive.
package format
