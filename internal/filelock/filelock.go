// Package filelock keeps two runs from writing to one place, where the system has such locks.
package filelock

import "os"

// Close gives back what Try holds, and closes f. Closing alone is not enough: a program that is being
// started at that moment has f, too, until it runs.
func Close(f *os.File) error {
	release(f)
	return f.Close()
}

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
			return func() { Close(f) }, true, nil
		}
	}
	f.Close()
	return nil, false, nil
}
