package exitdrill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/internal/keyfile"
	"github.com/exitramp/exitramp/internal/procgroup"
)

// Bounds of what a plan names.
const (
	maxRegister = 16 << 20
	maxReading  = 1 << 20
	maxKeys     = 64 << 20
)

// probes reads what the plan wants to be compared with the archive.
func (w *wired) probes(e *drill.Env) error {
	if path := w.p.Provider.Register.File; path != "" {
		b, err := bounded(path, maxRegister)
		if err != nil {
			return fmt.Errorf("exitdrill: provider.register.file: %w", err)
		}
		e.Register = b
	}
	x := &w.p.Erasure
	if x.Confirmation != "" {
		b, err := bounded(x.Confirmation, maxRegister)
		if err != nil {
			return fmt.Errorf("exitdrill: erasure.confirmation: %w", err)
		}
		sum := sha256.Sum256(b)
		e.Confirmed = hex.EncodeToString(sum[:])
	}
	if x.Keys != "" {
		if _, err := bounded(x.Keys, maxKeys); err != nil {
			return fmt.Errorf("exitdrill: erasure.keys: %w", err)
		}
		keys, err := keyfile.ReadKept(x.Keys)
		if err != nil {
			return fmt.Errorf("exitdrill: erasure.keys: %w", err)
		}
		gone := map[string]bool{}
		for _, k := range keys {
			gone[k] = true
		}
		e.Asked, e.Gone = uint64(len(gone)), func(key string) bool { return gone[key] }
	}
	if len(w.p.SecondReader) > 0 {
		e.SecondReader = w.secondReader
	}
	return nil
}

// bounded reads a file of at most max bytes.
func bounded(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%s: more than %d bytes", path, max)
	}
	return b, err
}

// secondReader has the plan's program read the archive. What it says on standard output is one JSON
// object: see drill.SecondReading. A program that ends with another exit code than 0 refuses it.
func (w *wired) secondReader(ctx context.Context, path string) (*drill.SecondReading, error) {
	args := append(w.p.SecondReader[1:len(w.p.SecondReader):len(w.p.SecondReader)], path)
	limit := w.o.readerPatience(path)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(limited, w.p.SecondReader[0], args...)
	var out capped
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, w.o.Stderr, 5*time.Second
	procgroup.Own(cmd)
	cmd.Cancel = func() error { procgroup.Kill(cmd); return nil } // what it has started, too
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s := &drill.SecondReading{Name: filepath.Base(w.p.SecondReader[0])}
	var exit *exec.ExitError
	switch {
	case err != nil && limited.Err() != nil:
		s.Refused = fmt.Sprintf("ended: no answer within %s", limit)
	case errors.As(err, &exit):
		word, _, _ := strings.Cut(strings.TrimSpace(out.String()), ":")
		if len(word) > 40 {
			word = "no reason given"
		}
		s.Refused = fmt.Sprintf("%s (%s)", exit, word)
	case err != nil:
		return nil, fmt.Errorf("exitdrill: second_reader: %w", err)
	case out.over:
		s.Refused = fmt.Sprintf("it says more than %d bytes", maxReading)
	default:
		var said struct {
			Name           string            `json:"name"`
			ManifestSHA256 string            `json:"manifest_sha256"`
			Kinds          map[string]uint64 `json:"kinds"`
		}
		if err := json.Unmarshal(out.Bytes(), &said); err != nil {
			s.Refused = "what it says is no JSON object of docs/drill.md"
			break
		}
		s.ManifestSHA256, s.Kinds = said.ManifestSHA256, said.Kinds
		if said.Name != "" && len(said.Name) <= 200 {
			s.Name = said.Name
		}
	}
	if !out.over {
		s.Output = out.Bytes()
	}
	return s, nil
}

// readerPatience is how long another program may read an archive: an hour, and more where it has more than it takes to
// read some GB in that.
func (o *Options) readerPatience(path string) time.Duration {
	if o.ReaderPatience > 0 {
		return o.ReaderPatience
	}
	limit := time.Hour
	if fi, err := os.Stat(path); err == nil {
		limit += time.Duration(fi.Size()>>20) * time.Second
	}
	return limit
}

// capped keeps the first bytes.
type capped struct {
	bytes.Buffer
	over bool
}

// Write takes all and keeps what fits.
func (c *capped) Write(b []byte) (int, error) {
	if c.Len()+len(b) > maxReading {
		c.over = true
		return len(b), nil
	}
	return c.Buffer.Write(b)
}
