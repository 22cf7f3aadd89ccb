// Package exitdrill carries out drills with archives of package format and runtimes of package
// exporters. What a drill is, and what it leaves, package drill says:
//
//	p, err := drill.ReadPlan(f)
//	out, err := exitdrill.Run(ctx, p, &exitdrill.Options{Registry: all.Registry()})
//	fmt.Println(out.Predicate.Word(evidence.DefaultGates()))
package exitdrill

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/models"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/keyfile"
)

// Options are the options of Run. Registry is needed, the rest is not.
type Options struct {
	Registry *exporters.Registry
	// Lookup answers for ${NAME} in the plan's URLs, as os.LookupEnv does. nil: there are none.
	Lookup func(name string) (string, bool)
	// Tool is the program that runs the drill. Its name and version are in archives, too.
	Tool evidence.Tool
	// Blocked says how the provider is kept out of a stressed drill, from outside.
	Blocked evidence.Block
	// BlockProof is what the system showed of that; see drill.Env.
	BlockProof []byte
	// ReadBack has another process call [ReadBack] with this journal. nil: this process does.
	ReadBack func(ctx context.Context, journal string) (*drill.Back, error)
	// Independent has another program check digest and signature of an archive, and names it with
	// its version; empty: there is none at hand. Its error refuses the archive. May be nil.
	Independent func(ctx context.Context, archive string, keys []format.TrustedKey) (string, error)
	// Timestamp asks the time stamp authority at url, as format.SignOptions has it. nil: a plan that
	// names one is refused.
	Timestamp func(ctx context.Context, url string, request []byte) ([]byte, error)
	Stderr    io.Writer                               // what the programs of tasks say there; nil: nowhere
	Progress  func(phase string, r agentstate.Record) // see drill.Env
	Now       func() time.Time
	// ReaderPatience is how long the plan's second reader may take before it is ended, and statement 20 fails; 0: an
	// hour, and a second for each MiB of the archive.
	ReaderPatience time.Duration
}

// ErrSeveral: the plan has several targets. Each of its drills is one to run: drill.Plan.Each.
var ErrSeveral = errors.New("exitdrill: a plan with several targets: want one of its drills")

// Run carries out p; see drill.Run.
func Run(ctx context.Context, p *drill.Plan, o *Options) (*drill.Outcome, error) {
	w, err := wire(p, o)
	if err != nil {
		return nil, err
	}
	if len(p.Each()) > 1 || p.Each()[0] != p {
		return nil, ErrSeveral
	}
	if err := w.variables(); err != nil {
		return nil, err
	}
	if p.Free() == nil { // of one that has ended that is what there is to say
		if err := w.ready(); err != nil {
			return nil, err
		}
	}
	e := &drill.Env{
		Archives: w, Controls: w.controls, Source: w.source, Target: w.target, Unmixed: w.unmixed, ReadBack: o.ReadBack, Tool: o.Tool, Blocked: o.Blocked, BlockProof: o.BlockProof,
		Progress: o.Progress, Now: o.Now,
	}
	if p.Tasks.Suite != "" {
		tasks, err := w.suite(ctx) // before anything is done: a suite that cannot be run is no finding
		if err != nil {
			return nil, err
		}
		e.Tasks = func(ctx context.Context) (*harness.Scores, map[string]drill.Played, error) {
			return w.tasks(ctx, tasks)
		}
	}
	if !p.Embedder.None() {
		e.Embedded, e.Expected = w.embedded, w.expected
	}
	if err := w.probes(e); err != nil {
		return nil, err
	}
	if e.Models, err = models.Known(); err != nil {
		return nil, err
	}
	if e.Replay, err = w.replayOptions(ctx); err != nil {
		return nil, err
	}
	if w.signer != nil {
		e.SignKey = w.signKey.ID
		e.Sign = func(ctx context.Context, statement []byte) ([]byte, error) {
			return format.SignStatement(ctx, statement, w.signer, w.stamps())
		}
	}
	if e.Blocked.Method == "" && p.Mode == evidence.Stressed {
		e.Blocked.Method = "no source driver opened"
	}
	return drill.Run(ctx, p, e)
}

// Check reads the files that p names: keys, suite, cassette, map, approvals, tombstones, register and the like. It opens no
// runtime and no archive of a drill.
func Check(ctx context.Context, p *drill.Plan, o *Options) error {
	w, err := wire(p, o)
	if err != nil {
		return err
	}
	if err := w.variables(); err != nil {
		return err
	}
	if err := w.ready(); err != nil {
		return err
	}
	if p.Tasks.Suite != "" {
		if _, err := w.suite(ctx); err != nil {
			return err
		}
	}
	if err := w.probes(&drill.Env{}); err != nil {
		return err
	}
	_, err = w.replayOptions(ctx)
	return err
}

// ReadBack reads the target of p anew and compares it with the archive: what the second process does.
func ReadBack(ctx context.Context, p *drill.Plan, o *Options, journal string) (*drill.Back, error) {
	w, err := wire(p, o)
	if err != nil {
		return nil, err
	}
	src, err := w.archive(p.Archive)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	rt, err := w.open(ctx, p.Target)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if err := j.Of(src.Info().ManifestSHA256); err != nil {
		return nil, err
	}
	want, kept, err := w.expected(src, j)
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	return drill.ReadBack(ctx, want, rt, j, p)
}

// wired is a plan with its keys, and what opens its runtimes.
type wired struct {
	p       *drill.Plan
	o       *Options
	ids     []age.Identity
	escrow  []age.Identity
	to      []age.Recipient
	policy  format.Policy
	signer  crypto.Signer
	signKey format.TrustedKey
	tsa     []*x509.Certificate
}

// stamps are the options of what this drill signs. Without a network there is nobody to ask for a stamp.
func (w *wired) stamps() *format.SignOptions {
	o := &format.SignOptions{TSA: w.tsa}
	if u := w.p.Keys.TSA; u != "" && w.p.Mode == evidence.Planned {
		o.Timestamp = func(ctx context.Context, request []byte) ([]byte, error) { return w.o.Timestamp(ctx, u, request) }
	}
	return o
}

func certificates(path string) ([]*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: keys.tsa_certs: %w", err)
	}
	defer f.Close()
	certs, err := format.ParseTSA(f)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: %s: %w", path, err)
	}
	return certs, nil
}

func wire(p *drill.Plan, o *Options) (*wired, error) {
	if p == nil {
		return nil, fmt.Errorf("%w: it is nil", drill.ErrPlan)
	}
	if err := p.Check(); err != nil { // it may have been made in Go
		return nil, err
	}
	if o == nil || o.Registry == nil {
		return nil, errors.New("exitdrill: Options.Registry is nil: it says which runtimes can be opened; all.Registry() of exporters/all knows every driver")
	}
	w := &wired{p: p, o: o}
	k := &p.Keys
	var err error
	for _, path := range k.Identities {
		ids, err := identities(path)
		if err != nil {
			return nil, err
		}
		w.ids = append(w.ids, ids...)
	}
	for _, path := range k.Escrow {
		ids, err := identities(path)
		if err != nil {
			return nil, err
		}
		w.escrow = append(w.escrow, ids...)
	}
	for _, r := range k.Recipients {
		text := r
		if !strings.HasPrefix(r, "age1") {
			b, err := os.ReadFile(r)
			if err != nil {
				return nil, fmt.Errorf("exitdrill: keys.recipients: %w", err)
			}
			text = string(b)
		}
		rs, err := format.ParseRecipients(text)
		if err != nil {
			return nil, fmt.Errorf("exitdrill: keys.recipients: %w", err)
		}
		w.to = append(w.to, rs...)
	}
	if k.Sign != "" {
		if w.signer, err = signingKey(k.Sign); err != nil {
			return nil, err
		}
		if w.signKey, err = format.NewTrustedKey(w.signer.Public(), ""); err != nil {
			return nil, err
		}
	}
	for _, path := range k.TSACerts {
		certs, err := certificates(path)
		if err != nil {
			return nil, err
		}
		w.tsa = append(w.tsa, certs...)
	}
	if k.TSA != "" && o.Timestamp == nil {
		return nil, errors.New("exitdrill: keys.tsa: nobody here can ask a time stamp authority")
	}
	w.policy, err = w.trust()
	return w, err
}

// trust is whom the plan trusts: the keys of its trust file, or else the key that signs. Where there is
// neither, the archive is checked for integrity alone, and the evidence says so.
func (w *wired) trust() (format.Policy, error) {
	switch path := w.p.Keys.Trust; {
	case path != "":
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("exitdrill: keys.trust: %w", err)
		}
		defer f.Close()
		keys, err := format.ParseTrust(f)
		if err != nil {
			return nil, fmt.Errorf("exitdrill: %s: %w", path, err)
		}
		return &format.Trust{Keys: keys, TSA: w.tsa}, nil
	case w.signer != nil && w.p.Mode == evidence.Planned:
		return &format.Trust{Keys: []format.TrustedKey{w.signKey}, TSA: w.tsa}, nil
	}
	return format.IntegrityOnly(), nil
}

func identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: keys: %w", err)
	}
	defer f.Close()
	ids, err := format.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: %s: %w", path, err)
	}
	return ids, nil
}

func signingKey(path string) (crypto.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: keys.sign: %w", err)
	}
	defer f.Close()
	s, err := format.ParseSigningKey(f)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: %s: %w", path, err)
	}
	return s, nil
}

// replayOptions reads what is approved and what must not come back.
func (w *wired) replayOptions(ctx context.Context) (replay.Options, error) {
	u, err := w.url(w.p.Target)
	if err != nil {
		return replay.Options{}, err
	}
	o := replay.Options{TargetURL: exporters.Redact(u), TargetModel: w.p.Embedder.TargetModel}
	if path := w.p.Replay.Approve; path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return o, fmt.Errorf("exitdrill: replay.approve: %w", err)
		}
		if replay.IsApprovals(b) {
			o.Approvals, err = replay.ParseApprovals(b, w.now())
		} else {
			o.Approved, err = keyfile.Read(path)
		}
		if err != nil {
			return o, fmt.Errorf("exitdrill: %s: %w", path, err)
		}
	}
	for _, path := range w.p.Replay.Tombstones {
		keys, err := w.tombstones(ctx, path)
		if err != nil {
			return o, fmt.Errorf("exitdrill: replay.tombstones: %w", err)
		}
		o.Tombstones = append(o.Tombstones, keys...)
	}
	for _, path := range w.p.Replay.Holds {
		keys, err := keyfile.ReadKept(path)
		if err != nil {
			return o, fmt.Errorf("exitdrill: replay.holds: %w", err)
		}
		o.Holds = append(o.Holds, keys...)
	}
	if path := w.p.Replay.Map; path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return o, fmt.Errorf("exitdrill: replay.map: %w", err)
		}
		if o.Map, err = mapping.Parse(b); err != nil {
			return o, fmt.Errorf("exitdrill: %s: %w", path, err)
		}
	}
	return o, nil
}

func (w *wired) now() time.Time {
	if w.o.Now != nil {
		return w.o.Now()
	}
	return time.Now()
}

// tombstones are the keys in a file, one a line, or of the tombstones in an archive.
func (w *wired) tombstones(ctx context.Context, path string) ([]string, error) {
	if !strings.HasSuffix(path, ".ctxa") {
		return keyfile.ReadKept(path)
	}
	r, err := format.Open(path, &format.ReaderOptions{Policy: format.IntegrityOnly(), Identities: w.ids})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	keys, err := derive.TombstoneKeys(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}
