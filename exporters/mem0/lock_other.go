//go:build !unix

package mem0

// lockFile does nothing where there are no locks that programs agree on.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
