package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/recordjson"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type sampleFlags struct {
	keys  keyFlags
	n     int
	seed  string
	kinds []string
	each  bool
	out   string
	json  bool
}

// maxSample is how many records a sample may have.
const maxSample = 100_000

func (a *app) sampleCmd() *cobra.Command {
	f := &sampleFlags{}
	c := &cobra.Command{
		Use: "sample ARCHIVE --n N --seed SEED", Short: "Records to look up at the provider, drawn by a seed",
		Long: `Draws records of an archive for somebody who looks them up at the provider, and writes a CSV file:
kind, native id, digest, where the provider has it, and an empty column "seen by". It has no content;
a digest is the SHA-256 of the record's line of exitramp cat, without its line feed, so keep the file as
you keep the archive.

The same seed draws the same records: those N whose HMAC-SHA256 of the key, under the seed, is lowest.
So everybody can draw them again, and whoever gives the seed after the archive was sealed knows that
nobody chose. With --trust, an archive that none of these keys signed is refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.sample(c.Context(), args[0], f) },
	}
	f.keys.add(c)
	f.keys.addTrust(c)
	c.Flags().IntVar(&f.n, "n", 25, "how many records")
	c.Flags().StringVar(&f.seed, "seed", "", "what the draw depends on: any text")
	c.Flags().StringSliceVar(&f.kinds, "kinds", nil, "only of these kinds")
	c.Flags().BoolVar(&f.each, "each-kind", false, "N records of each kind, not N in all")
	c.Flags().StringVarP(&f.out, "output", "o", "", "`FILE` for the sample (default: standard output)")
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

// drawn is a record of a sample.
type drawn struct {
	rank    [32]byte
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	ID      string `json:"native_id"`
	SHA256  string `json:"sha256"`
	Address string `json:"provider_address"`
}

// drawer keeps the n records of lowest rank of each stratum, in one pass.
type drawer struct {
	seed string
	n    int
	by   map[string]*stratum
}

// stratum is what may be drawn of the records that belong together.
type stratum struct {
	seen uint64
	kept []drawn   // the n of lowest rank are among them, and never more than 2n
	last *[32]byte // the highest rank of n that were kept: who is above it is not drawn. Nil: there were fewer
}

// take puts a record where it belongs. make is asked for what is in the row only when it stays.
func (d *drawer) take(name, key string, make func() drawn) {
	s := d.by[name]
	if s == nil {
		s = &stratum{}
		d.by[name] = s
	}
	s.seen++
	h := hmac.New(sha256.New, []byte(d.seed))
	h.Write([]byte(key))
	rank := [32]byte(h.Sum(nil))
	if s.last != nil && slices.Compare(rank[:], s.last[:]) >= 0 {
		return
	}
	r := make()
	r.rank = rank
	if s.kept = append(s.kept, r); len(s.kept) == 2*d.n {
		s.cut(d.n)
	}
}

// cut is the n of lowest rank, in its order: nothing else is kept.
func (s *stratum) cut(n int) []drawn {
	slices.SortFunc(s.kept, func(x, y drawn) int { return slices.Compare(x.rank[:], y.rank[:]) })
	if len(s.kept) >= n {
		clear(s.kept[n:])
		s.kept = s.kept[:n]
		last := s.kept[n-1].rank
		s.last = &last
	}
	return s.kept
}

// sampled opens an archive to draw from. Nothing is acted on, so that it may be anybody's; whose it is is
// checked where somebody is trusted, and else that it was not is said.
func (a *app) sampled(path string, k *keyFlags) (*format.Reader, error) {
	if k.trust.file != "" || k.unsigned {
		return a.openTrusted(path, k)
	}
	fmt.Fprintln(a.stderr, "! whose archive it is was not checked: --trust FILE does")
	return a.openArchive(path, k)
}

func (a *app) sample(ctx context.Context, archive string, f *sampleFlags) error {
	switch {
	case f.seed == "":
		return withHint(usagef("sample needs --seed SEED"), "whoever checks gives it, after the archive was sealed: a date, a number of a lottery")
	case f.n < 1 || f.n > maxSample:
		return usagef("--n %d: want 1 to %d", f.n, maxSample)
	}
	if fi, err := os.Stat(f.out); err == nil && fi.Mode().IsRegular() {
		return withHint(fmt.Errorf("%s is there already, and may be filled in", f.out), "give another name, or move it away")
	}
	r, err := a.sampled(archive, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	d := &drawer{seed: f.seed, n: f.n, by: map[string]*stratum{}}
	have := map[string]uint64{}
	origins := map[string]*pb.Origin{}
	var only *agentstate.ReadOptions
	if len(f.kinds) > 0 {
		only = &agentstate.ReadOptions{Kinds: append([]string{"origin"}, f.kinds...)}
	}
	var line []byte
	for rec, err := range (watched{r, a, "sample", archiveCounts(r)}).Records(ctx, only) {
		if err != nil {
			return err
		}
		kind, m := agentstate.KindOf(rec), rec.GetMeta()
		have[kind]++
		if o, ok := rec.(*pb.Origin); ok {
			origins[m.GetKey()] = o
			if origins[""] == nil { // the only one, or the first
				origins[""] = o
			}
		}
		if !agentstate.IsState(kind) || len(f.kinds) > 0 && !slices.Contains(f.kinds, kind) {
			continue
		}
		stratum := ""
		if f.each {
			stratum = kind
		}
		d.take(stratum, m.GetKey(), func() drawn {
			line = recordjson.Append(line[:0], rec)
			sum := sha256.Sum256(line)
			_, parts := agentstate.SplitKey(m.GetKey())
			return drawn{Kind: kind, Key: m.GetKey(), ID: strings.Join(parts, " / "), SHA256: hex.EncodeToString(sum[:]), Address: address(origins[m.GetOriginKey()], m)}
		})
	}
	if err := checkKinds(f.kinds, have); err != nil {
		return err
	}
	return a.printSample(d, f)
}

// address is where the runtime has a record: what it is, and in which of the runtime's own tables,
// files or objects.
func address(o *pb.Origin, m *pb.Meta) string {
	where := strings.Join(strings.Fields(o.GetProduct()+" "+o.GetFlavor()), " ")
	var types []string
	for _, n := range m.GetNative() {
		if !slices.Contains(types, n.GetType()) {
			types = append(types, n.GetType())
		}
	}
	switch {
	case len(types) > 0:
		return where + ": " + strings.Join(types, ", ")
	case len(m.GetViewOfKeys()) > 0:
		return where + ": inside of " + m.GetViewOfKeys()[0]
	}
	return where
}

func (a *app) printSample(d *drawer, f *sampleFlags) error {
	rows := []drawn{}
	var seen uint64
	for _, name := range keys(d.by) {
		rows, seen = append(rows, d.by[name].cut(d.n)...), seen+d.by[name].seen
	}
	a.result["sample"], a.result["records"] = len(rows), seen
	asJSON := func() error {
		return a.printJSON(map[string]any{"seed": f.seed, "records": seen, "sample": rows})
	}
	if f.json && f.out == "" {
		return asJSON()
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	w.Write([]string{"row", "kind", "native_id", "sha256", "provider_address", "key", "seen_by"})
	for i, r := range rows {
		w.Write([]string{fmt.Sprint(i + 1), r.Kind, report.Cell(r.ID), r.SHA256, report.Cell(r.Address), report.Cell(r.Key), ""})
	}
	w.Flush() // a builder takes all
	fmt.Fprintf(a.stderr, "%s of %s records, seed %q\n", number(len(rows)), number(seen), f.seed)
	if f.out == "" {
		_, err := fmt.Fprint(a.stdout, b.String())
		return err
	}
	if err := writeFile(f.out, []byte(b.String()), 0o600); err != nil || !f.json {
		return err
	}
	return asJSON()
}
