// Package exitrampv1 is the schema of an archive in Go, generated from the .proto files beside it: the
// records of every kind, and the messages that hold an archive together.
//
// The comments of the fields are those of the schema: unit, source, and what it means that a field is not
// set. A field that a later release adds is kept by this one. proto/MAPPING.md says which table or field of
// which runtime lands in which field here; format/SPEC.md says how the messages become bytes.
package exitrampv1
