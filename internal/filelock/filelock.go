// Package filelock keeps two runs from writing to one place, where the system has such locks.
package filelock

import "os"

// Dir holds the folder at path until unlock or the end of the process. false: another run holds it, or it is
// another folder by now.
func Dir(path string) (unlock func(), ok bool, err error) {
	if !Works {
		return func() {}, true, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	if Try(f) {
		// Who had it before may have given it another name.
		a, errA := f.Stat()
		b, errB := os.Lstat(path)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return func() { f.Close() }, true, nil
		}
	}
	f.Close()
	return nil, false, nil
}
