package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/bench/corpus"
	"github.com/exitramp/exitramp/context/agentstate"
)

// A corpus file is what all peers start from: for each record the length of its kind, the
// kind, the length of its bytes, the bytes; lengths as varints.

func generate(path, mix string, n int) error {
	m, err := mixOf(mix)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var buf []byte
	for r := range corpus.Records(m, n, 1) {
		k := agentstate.KindOf(r)
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil {
			return err
		}
		buf = append(binary.AppendUvarint(buf[:0], uint64(len(k))), k...)
		buf = append(binary.AppendUvarint(buf, uint64(len(b))), b...)
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func mixOf(name string) (corpus.Mix, error) {
	for _, m := range corpus.Mixes() {
		if m.Name == name {
			return m, nil
		}
	}
	return corpus.Mix{}, fmt.Errorf("measure: no mix %q", name)
}

// load reads a corpus file into memory: measurements start with records, as a driver gives them.
func load(path string) ([]agentstate.Record, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	var out []agentstate.Record
	var bytes int64
	for {
		k, err := chunk(r)
		if err == io.EOF {
			return out, bytes, nil
		}
		if err != nil {
			return nil, 0, err
		}
		b, err := chunk(r)
		if err != nil {
			return nil, 0, err
		}
		rec := agentstate.New(string(k))
		if err := proto.Unmarshal(b, rec); err != nil {
			return nil, 0, err
		}
		out, bytes = append(out, rec), bytes+int64(len(b))
	}
}

func chunk(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}
