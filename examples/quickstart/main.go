// Quickstart takes the state of a LangGraph store out, seals it, and puts it into a fresh one:
//
//	go run ./examples/quickstart state.db out.ctxa copy.db
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/format"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: quickstart STORE ARCHIVE COPY")
	}
	ctx := context.Background()
	if err := export(ctx, os.Stdout, "langgraph+sqlite:"+os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
	if err := migrate(ctx, os.Stdout, os.Args[2], "langgraph+sqlite:"+os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

// drivers are those that this program needs; package exporters/all has every one, and links as much.
func drivers() *exporters.Registry { return exporters.NewRegistry(langgraph.Drivers()...) }

// export seals a runtime, opened by URL, in an archive.
func export(ctx context.Context, out io.Writer, from, path string) error {
	src, err := drivers().Open(ctx, from)
	if err != nil {
		return err
	}
	defer src.Close()
	rep, err := format.Export(ctx, path, src, nil, nil)
	if err == nil {
		fmt.Fprintln(out, "sealed", rep.Verdict.Coverage, rep.Records)
	}
	return err
}

// migrate is the way back in: plan, apply, read back.
func migrate(ctx context.Context, out io.Writer, path, to string) error {
	src, err := format.Open(path, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		return err
	}
	defer src.Close()
	rt, err := drivers().Open(ctx, to)
	if err != nil {
		return err
	}
	defer rt.Close()
	dst, err := exporters.Replayable(rt)
	if err != nil {
		return err
	}
	j, err := replay.OpenJournal(path + ".journal")
	if err != nil {
		return err
	}
	defer j.Close()
	// Digest and URL bind the journal: another archive, or another target, is refused with it.
	o := &replay.Options{Journal: j, ArchiveSHA256: src.Info().ManifestSHA256, TargetURL: exporters.Redact(to)}
	rep, err := replay.Apply(ctx, dst, src, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "written", rep.Actions[replay.Created], "conflicts", rep.Actions[replay.Conflict], "waiting for you", rep.Held)
	back, err := replay.ReadBack(ctx, src, rt, j)
	if err == nil {
		fmt.Fprintln(out, "read back", back.Same, "of", back.Records, "match:", back.Match())
	}
	return err
}
