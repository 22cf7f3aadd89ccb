// Package syncdir makes the names of files durable.
package syncdir

import (
	"errors"
	"os"
	"runtime"
)

// Sync brings what was made, renamed or removed in the folder to stable storage, where the system can.
func Sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such thing
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
