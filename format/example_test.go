package format_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Example seals two memories, checks the archive and reads one of them by key.
func Example() {
	ctx := context.Background()
	var file bytes.Buffer
	w, err := format.NewWriter(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string]string{"tea": "prefers green tea", "time": "works from seven"} {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", name), Content: &pb.Memory_Text{Text: text}}
		if err := w.Put(ctx, m); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	opts := format.ReaderOptions{Policy: format.IntegrityOnly()}
	ra, size := bytes.NewReader(file.Bytes()), int64(file.Len())
	v, err := format.Verify(ctx, ra, size, &format.VerifyOptions{ReaderOptions: opts})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Integrity, v.Level, v.Records["memory"], v.Coverage.Coverage)

	r, err := format.NewReader(ra, size, &opts)
	if err != nil {
		log.Fatal(err)
	}
	rec, err := r.Get(ctx, agentstate.Key("memory", "ada", "tea"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.(*pb.Memory).GetText())
	// Output:
	// INTACT deep 2 UNKNOWN
	// prefers green tea
}

// ExampleCreate encrypts an archive for one recipient.
func ExampleCreate() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	identity, recipient, err := format.GenerateIdentity(false)
	if err != nil {
		log.Fatal(err)
	}
	recipients, err := format.ParseRecipients(recipient)
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "state.ctxa")
	w, err := format.Create(path, &format.WriterOptions{Recipients: recipients})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	if err := w.Put(ctx, &pb.Memory{Meta: &pb.Meta{Key: "memory/1"}}); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	opts := &format.ReaderOptions{Policy: format.IntegrityOnly()}
	_, err = format.Open(path, opts)
	fmt.Println(errors.Is(err, format.ErrNoIdentity), format.Class(err))
	if opts.Identities, err = format.ParseIdentities(strings.NewReader(identity)); err != nil {
		log.Fatal(err)
	}
	r, err := format.Open(path, opts)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(r.Info().Weakest, r.Info().Records["memory"])
	// Output:
	// true no-identity
	// pq 1
}

// ExampleError shows the views of a refusal.
func ExampleError() {
	other := strings.NewReader("not an archive at all")
	_, err := format.NewReader(other, other.Size(), &format.ReaderOptions{Policy: format.IntegrityOnly()})
	var refusal *format.Error
	fmt.Println(errors.As(err, &refusal), errors.Is(err, format.ErrNotArchive), format.Class(err))
	fmt.Println(err)
	// Output:
	// true true not-archive
	// format: not an archive: other content
}
