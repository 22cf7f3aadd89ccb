package format

import "testing"

// The digest that readers know is that of the schema that writers put into archives.
func TestOwnDigest(t *testing.T) {
	_, digest, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if digest != ownDigest || !publishedSchema(digest) {
		t.Errorf("ownDigest is %s, want %s: put it into schema.go", ownDigest, digest)
	}
}
