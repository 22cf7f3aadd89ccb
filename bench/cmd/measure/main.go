// Measure times one thing in one process and prints a line of JSON: what, wall seconds, CPU
// seconds, bytes. Corpora are decoded before the clock starts. bench/run pairs the calls.
//
//	measure gen MIX N OUT           corpus file
//	measure pack IN OUT [RECIPIENT] write an archive; encrypted with a recipient
//	measure stream MIX N OUT [REC]  make records and write them, for memory at any size
//	measure read IN [IDENTITYFILE]  read and decode every record of an archive
//	measure ranged IN KEY [IDFILE]  requests that one record costs over ranged reads
//	measure jsonzip IN OUT          the JSON peer, write
//	measure readjson IN             the JSON peer, read
//	measure jsonl MIX N OUT         the JSON peer's lines of the records that stream makes
//	measure key IN [IDFILE]         the key of the record in the middle of an archive
//	measure verify IN LEVEL [IDFILE]
//	measure floorpack IN OUT RECIPIENT  the least that writing encrypted records costs
//	measure floorverify IN IDFILE       the least that a deep verify costs
//
// With CPUPROFILE=FILE it writes a CPU profile of what the clock measures.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/bench/corpus"
	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/gcfloor"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	if arg(0) == "read" || arg(0) == "readjson" {
		defer gcfloor.Raise()() // as the command reads
	}
	switch arg(0) {
	case "gen":
		n, err := strconv.Atoi(arg(2))
		if err != nil {
			return err
		}
		return generate(arg(3), arg(1), n)
	case "pack":
		return pack(ctx, arg(1), arg(2), arg(3))
	case "stream":
		return stream(ctx, arg(1), arg(2), arg(3), arg(4))
	case "read":
		return read(ctx, arg(1), arg(2))
	case "verify":
		return verify(ctx, arg(1), arg(2), arg(3))
	case "ranged":
		return ranged(ctx, arg(1), arg(2), arg(3))
	case "key":
		return middleKey(ctx, arg(1), arg(2))
	case "jsonzip":
		recs, bytes, err := load(arg(1))
		if err != nil {
			return err
		}
		lines := make([]*line, len(recs))
		for i, r := range recs {
			lines[i] = toLine(r)
		}
		c := start()
		if err := writeJSON(arg(2), lines); err != nil {
			return err
		}
		return c.print("jsonzip", len(lines), bytes, arg(2))
	case "floorpack":
		return floorPack(arg(1), arg(2), arg(3))
	case "floorverify":
		return floorVerify(arg(1), arg(2))
	case "jsonl":
		return jsonLines(arg(1), arg(2), arg(3))
	case "readjson":
		c := start()
		n, keys, err := readJSON(arg(1))
		if err != nil {
			return err
		}
		return c.print("readjson", n, int64(keys), arg(1))
	}
	return fmt.Errorf("unknown call %q", args)
}

func options(recipient string) (*format.WriterOptions, error) {
	o := &format.WriterOptions{}
	if recipient != "" {
		rs, err := format.ParseRecipients(recipient)
		if err != nil {
			return nil, err
		}
		o.Recipients = rs
	}
	return o, nil
}

func readerOptions(identityFile string) (*format.ReaderOptions, error) {
	o := &format.ReaderOptions{Policy: format.IntegrityOnly()}
	if identityFile != "" {
		f, err := os.Open(identityFile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		ids, err := age.ParseIdentities(f)
		if err != nil {
			return nil, err
		}
		o.Identities = ids
	}
	return o, nil
}

func pack(ctx context.Context, in, out, recipient string) error {
	recs, bytes, err := load(in)
	if err != nil {
		return err
	}
	return write(ctx, "pack", input{slices.Values(recs), len(recs), bytes}, out, recipient)
}

// made are the records of a mix, one at a time.
func made(mix, count string) (iter.Seq[agentstate.Record], int, error) {
	m, err := mixOf(mix)
	if err != nil {
		return nil, 0, err
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, 0, err
	}
	return corpus.Records(m, n, 1), n, nil
}

func stream(ctx context.Context, mix, count, out, recipient string) error {
	recs, n, err := made(mix, count)
	if err != nil {
		return err
	}
	return write(ctx, "stream", input{recs, n, 0}, out, recipient)
}

// An input is n records, and how many bytes they are; 0: not counted.
type input struct {
	recs  iter.Seq[agentstate.Record]
	n     int
	bytes int64
}

// write measures how in becomes an archive.
func write(ctx context.Context, what string, in input, out, recipient string) error {
	o, err := options(recipient)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	c := start()
	w, err := format.NewWriter(f, o)
	if err != nil {
		return err
	}
	for r := range in.recs {
		if err := w.Put(ctx, r); err != nil {
			return err
		}
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return c.print(what, in.n, in.bytes, out)
}

func read(ctx context.Context, in, identityFile string) error {
	o, err := readerOptions(identityFile)
	if err != nil {
		return err
	}
	c := start()
	r, err := format.Open(in, o)
	if err != nil {
		return err
	}
	defer r.Close()
	n, keys := 0, 0
	for rec, err := range r.Records(ctx, nil) {
		if err != nil {
			return err
		}
		n, keys = n+1, keys+len(rec.GetMeta().GetKey())
	}
	return c.print("read", n, int64(keys), in)
}

func verify(ctx context.Context, in, level, identityFile string) error {
	o, err := readerOptions(identityFile)
	if err != nil {
		return err
	}
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	c := start()
	v, err := format.Verify(ctx, f, fi.Size(), &format.VerifyOptions{ReaderOptions: *o, StoredOnly: level == format.LevelStored})
	if err != nil {
		return err
	}
	if v.Level != level {
		return fmt.Errorf("%s: level %s, want %q", in, v.Level, level)
	}
	return c.print("verify "+level, v.Members, v.Bytes, in)
}

// middleKey prints the key of the memory in the middle of those of an archive.
func middleKey(ctx context.Context, in, identityFile string) error {
	o, err := readerOptions(identityFile)
	if err != nil {
		return err
	}
	r, err := format.Open(in, o)
	if err != nil {
		return err
	}
	defer r.Close()
	n := 0
	keys := []string{}
	for rec, err := range r.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"memory"}}) {
		if err != nil {
			return err
		}
		if n++; n%1000 == 0 {
			keys = append(keys, rec.GetMeta().GetKey())
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("%s: fewer than 1,000 memories", in)
	}
	fmt.Println(keys[len(keys)/2])
	return nil
}

type clock struct {
	at      time.Time
	cpu     time.Duration
	profile *os.File
}

// start collects the garbage of making the corpus first: it is not part of what is measured.
func start() clock {
	debug.FreeOSMemory() // what loading left is not handed back on this clock
	c := clock{}
	if path := os.Getenv("CPUPROFILE"); path != "" {
		var err error
		if c.profile, err = os.Create(path); err == nil {
			err = pprof.StartCPUProfile(c.profile)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "measure: no profile:", err)
		}
	}
	c.at, c.cpu = time.Now(), cpu()
	return c
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (c clock) print(what string, records int, bytes int64, file string) error {
	wall, used := time.Since(c.at), cpu()-c.cpu
	if c.profile != nil {
		pprof.StopCPUProfile()
		if err := c.profile.Close(); err != nil {
			return err
		}
	}
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"what": what, "wall": wall.Seconds(), "cpu": used.Seconds(),
		"records": records, "raw": bytes, "size": fi.Size(),
	})
}
