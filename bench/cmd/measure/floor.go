package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// The floors are what nobody who keeps the format's promises can leave out, done with the same
// libraries on both cores and with nothing else: no records are made, nothing is looked for.

// shardRaw is how much goes into one member, as the writer has it.
const shardRaw = 1 << 20

// floorPack digests each record of a corpus, compresses a shard of them at the fastest level, encrypts it
// and writes it. Records are ready-made bytes, in the order that they came in.
func floorPack(in, out, recipient string) error {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return err
	}
	shards, n, size, err := cut(in)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	c := start()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	var at sync.Mutex
	err = both(len(shards), func(i int) error {
		var raw []byte
		for _, r := range shards[i] {
			sha256.Sum256(r)
			raw = append(raw, r...)
		}
		var b bytes.Buffer
		w, err := age.Encrypt(&b, to)
		if err != nil {
			return err
		}
		if _, err := w.Write(enc.EncodeAll(raw, nil)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		at.Lock()
		defer at.Unlock()
		_, err = f.Write(b.Bytes())
		return err
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return c.print("floorpack", n, size, out)
}

// cut groups the records of a corpus file.
func cut(path string) (shards [][][]byte, n int, size int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, 0, err
	}
	next := func() []byte {
		l, m := binary.Uvarint(b)
		v := b[m : m+int(l)]
		b = b[m+int(l):]
		return v
	}
	full := shardRaw
	for len(b) > 0 {
		next() // the kind
		r := next()
		if full >= shardRaw {
			shards, full = append(shards, nil), 0
		}
		last := len(shards) - 1
		shards[last] = append(shards[last], r)
		full, n, size = full+len(r), n+1, size+int64(len(r))
	}
	return shards, n, size, nil
}

// floorVerify decrypts each member of an archive, decompresses it and digests what comes out, once.
func floorVerify(in, identityFile string) error {
	o, err := readerOptions(identityFile)
	if err != nil {
		return err
	}
	ids := o.Identities
	z, err := zip.OpenReader(in)
	if err != nil {
		return err
	}
	defer z.Close()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer dec.Close()
	c := start()
	var members []*zip.File
	for _, m := range z.File {
		switch {
		case strings.HasSuffix(m.Name, ".zst.age"):
			members = append(members, m)
		case strings.HasSuffix(m.Name, "/keys/0/1.age"): // what the members are sealed to
			text, err := opened(m, ids)
			if err != nil {
				return err
			}
			if ids, err = age.ParseIdentities(bytes.NewReader(text)); err != nil {
				return err
			}
		}
	}
	if len(members) == 0 {
		return fmt.Errorf("%s: nothing in it is encrypted", in)
	}
	err = both(len(members), func(i int) error {
		stored, err := opened(members[i], ids)
		if err != nil {
			return err
		}
		raw, err := dec.DecodeAll(stored, nil)
		sha256.Sum256(raw)
		return err
	})
	if err != nil {
		return err
	}
	return c.print("floorverify", len(members), 0, in)
}

// opened is what a member holds, decrypted.
func opened(m *zip.File, ids []age.Identity) ([]byte, error) {
	f, err := m.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := age.Decrypt(f, ids...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// both calls f for each number below n, on all cores.
func both(n int, f func(int) error) error {
	var g sync.WaitGroup
	todo := make(chan int)
	errs := make([]error, runtime.GOMAXPROCS(0))
	for w := range errs {
		g.Go(func() {
			for i := range todo {
				if errs[w] == nil {
					errs[w] = f(i)
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	g.Wait()
	return errors.Join(errs...)
}
