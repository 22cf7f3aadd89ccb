package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/mapping"
)

// PlanFile is a plan that was written to a file.
type PlanFile struct {
	ArchiveSHA256 [32]byte
	ArchivePath   string // as it was when the plan was made; empty: not said
	TargetURL     string // redacted
	Kinds         []string
	Approved      []string
	Approvals     []Approval
	Tombstones    []string
	Holds         []string
	Map           *mapping.Map // nil: none
	Vectors       *Vectors     // what its vectors are made with; nil: as they were
	Report        *Report      // counts and the first 1,000 of each list; the losses are in the lines
}

const planFormat = "exitramp-plan/1"

// planHead is the first line.
type planHead struct {
	Plan       string          `json:"plan"`
	Archive    string          `json:"archive"` // SHA-256 of its manifest, hex
	Path       string          `json:"archive_path,omitempty"`
	Target     string          `json:"target"` // URL, redacted
	Kinds      []string        `json:"kinds,omitempty"`
	Approved   []string        `json:"approved,omitempty"`
	Approvals  []Approval      `json:"approvals,omitempty"`
	Tombstones []string        `json:"tombstones,omitempty"`
	Holds      []string        `json:"holds,omitempty"`
	Map        json.RawMessage `json:"map,omitempty"`
	Vectors    *Vectors        `json:"vectors,omitempty"`
}

// planEnd is the last line.
type planEnd struct {
	Records  uint64                       `json:"records"`
	Actions  map[string]uint64            `json:"actions"`
	Kinds    map[string]map[string]uint64 `json:"kinds"`
	Losses   map[string]uint64            `json:"losses"`
	Labelled uint64                       `json:"labelled,omitempty"`
	Time     string                       `json:"time,omitempty"`    // at the target's limits
	Formula  string                       `json:"formula,omitempty"` // of Time
	Rules    []string                     `json:"rules,omitempty"`
	Notes    []string                     `json:"notes,omitempty"`
	Answers  string                       `json:"answers"` // SHA-256 over the target's answers: its fingerprint
	SHA256   string                       `json:"sha256"`  // of all lines before this one
}

// WritePlan is Plan, and writes what it finds to w as NDJSON for a person to review: a head, a line
// for every record that is not simply created as it is, and the counts. It holds keys and reasons,
// no content.
func WritePlan(ctx context.Context, w io.Writer, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	_, vectors := reembedder(src)
	pw := &planWriter{w: w, sum: sha256.New()}
	pw.line(planHead{planFormat, hex.EncodeToString(o.ArchiveSHA256[:]), o.ArchivePath, o.TargetURL, o.Kinds, o.Approved, o.Approvals, o.Tombstones, o.Holds, json.RawMessage(mapText(o.Map)), vectors})
	next := o.OnReceipt
	o.OnReceipt = func(rc Receipt) {
		if rc.Action != Created || len(rc.Losses) > 0 {
			pw.line(rc.stored())
		}
		if next != nil {
			next(rc)
		}
	}
	rep, err := Plan(ctx, dst, src, &o)
	if err != nil {
		return rep, err
	}
	end := planEnd{Records: rep.Records, Actions: named(rep.Actions), Kinds: map[string]map[string]uint64{}, Losses: rep.LossCount, Labelled: rep.Labelled, Formula: rep.Formula, Rules: rep.Rules, Notes: rep.Notes, Answers: hex.EncodeToString(rep.Answers[:])}
	for k, m := range rep.Kinds {
		end.Kinds[k] = named(m)
	}
	if rep.Formula != "" {
		end.Time = rep.Time.String()
	}
	end.SHA256 = hex.EncodeToString(pw.sum.Sum(nil))
	pw.line(end)
	return rep, pw.err
}

func named(m map[Action]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for a, n := range m {
		out[a.String()] = n
	}
	return out
}

type planWriter struct {
	w   io.Writer
	sum hash.Hash
	err error
}

func (p *planWriter) line(v any) {
	if p.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err == nil {
		b = append(b, '\n')
		p.sum.Write(b)
		_, err = p.w.Write(b)
	}
	if err != nil {
		p.err = fmt.Errorf("replay: plan: %w", err)
	}
}

// maxPlanLine bounds one line of a plan, in bytes.
const maxPlanLine = 4 << 20

// ErrPlan: a file is no plan, is cut short or was edited.
var ErrPlan = errors.New("replay: not a plan as it was written")

// ReadPlan reads what WritePlan wrote, and refuses a file that is cut short or was edited. each is
// called for every line, before the end of the file was checked, and may be nil.
func ReadPlan(r io.Reader, each func(Receipt) error) (*PlanFile, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	sum := sha256.New()
	raw, err := planLine(br)
	if err != nil {
		return nil, err
	}
	var h planHead
	if err := strict(raw, &h); err != nil || h.Plan != planFormat {
		return nil, fmt.Errorf("%w: want a first line with %q", ErrPlan, planFormat)
	}
	p := &PlanFile{ArchivePath: h.Path, TargetURL: h.Target, Kinds: h.Kinds, Approved: h.Approved, Approvals: h.Approvals, Tombstones: h.Tombstones, Holds: h.Holds, Vectors: h.Vectors, Report: newReport()}
	if err := digest(h.Archive, &p.ArchiveSHA256); err != nil {
		return nil, err
	}
	if len(h.Map) > 0 {
		if p.Map, err = mapping.ParseJSON(h.Map); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlan, err)
		}
	}
	for {
		sum.Write(raw)
		if raw, err = planLine(br); err != nil {
			return nil, err
		}
		var rc receipt
		if strict(raw, &rc) != nil {
			break
		}
		got, err := rc.receipt()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlan, err)
		}
		p.Report.add(agentstate.KindOfKey(got.Key), got) // for the lists; the counts come last
		if each != nil {
			if err := each(got); err != nil {
				return nil, err
			}
		}
	}
	var end planEnd
	if err := strict(raw, &end); err != nil || end.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		return nil, fmt.Errorf("%w: it was edited: change the options and plan again", ErrPlan)
	}
	if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it goes on after its end", ErrPlan)
	}
	return p, p.finish(&end)
}

func (p *PlanFile) finish(end *planEnd) error {
	r := p.Report
	r.Records, r.LossCount, r.Losses = end.Records, end.Losses, nil
	r.Kinds, r.Labelled, r.Formula, r.Rules, r.Notes = map[string]map[Action]uint64{}, end.Labelled, end.Formula, end.Rules, end.Notes
	var err error
	if end.Time != "" {
		if r.Time, err = time.ParseDuration(end.Time); err != nil {
			return fmt.Errorf("%w: %w", ErrPlan, err)
		}
	}
	if r.Actions, err = actions(end.Actions); err != nil {
		return err
	}
	for k, m := range end.Kinds {
		if r.Kinds[k], err = actions(m); err != nil {
			return err
		}
	}
	return digest(end.Answers, &r.Answers)
}

func actions(m map[string]uint64) (map[Action]uint64, error) {
	out := map[Action]uint64{}
	for s, n := range m {
		rc, err := (&receipt{Action: s}).receipt()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlan, err)
		}
		out[rc.Action] = n
	}
	return out, nil
}

func planLine(r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		b, err := r.ReadSlice('\n')
		out = append(out, b...)
		switch {
		case len(out) > maxPlanLine:
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrPlan, maxPlanLine)
		case err == nil:
			return out, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it is cut short", ErrPlan)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("replay: plan: %w", err)
		}
	}
}

func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func digest(s string, out *[32]byte) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(out) {
		return fmt.Errorf("%w: %q is no SHA-256", ErrPlan, s)
	}
	copy(out[:], b)
	return nil
}

// short is a digest for people.
func short(hex string) string {
	if hex == "" {
		return "none"
	}
	return hex[:12]
}

// check plans again and compares: nothing is written when archive, target or options are not those
// that a person has seen.
func (p *PlanFile) check(ctx context.Context, dst Target, src agentstate.Source, o *Options) (*Report, error) {
	stale := func(what, want, got string) (*Report, error) {
		return nil, fmt.Errorf("%w: %s: want %s, got %s; plan again", ErrStale, what, want, got)
	}
	_, vectors := reembedder(src)
	switch {
	case !sameVectors(p.Vectors, vectors):
		return stale("vectors", p.Vectors.String(), vectors.String())
	case p.ArchiveSHA256 != o.ArchiveSHA256:
		return stale("archive", hex.EncodeToString(p.ArchiveSHA256[:]), hex.EncodeToString(o.ArchiveSHA256[:]))
	case p.TargetURL != o.TargetURL:
		return stale("target", p.TargetURL, o.TargetURL)
	case !slices.Equal(p.Kinds, o.Kinds):
		return stale("kinds", fmt.Sprint(p.Kinds), fmt.Sprint(o.Kinds))
	case !slices.Equal(p.Approved, o.Approved):
		return stale("approvals", fmt.Sprint(len(p.Approved)), fmt.Sprint(len(o.Approved)))
	case !slices.EqualFunc(p.Approvals, o.Approvals, Approval.same):
		return stale("approvals", fmt.Sprint(len(p.Approvals)), fmt.Sprint(len(o.Approvals)))
	case !slices.Equal(p.Holds, o.Holds):
		return stale("holds", fmt.Sprint(len(p.Holds)), fmt.Sprint(len(o.Holds)))
	case !slices.Equal(p.Tombstones, o.Tombstones):
		return stale("tombstones", fmt.Sprint(len(p.Tombstones)), fmt.Sprint(len(o.Tombstones)))
	}
	if p.Map.Digest() != o.Map.Digest() {
		return stale("map", short(p.Map.Digest()), short(o.Map.Digest()))
	}
	now, err := Plan(ctx, dst, src, o.quiet())
	if err != nil {
		return nil, err
	}
	if now.Infeasible() && !o.AcceptSlow {
		return nil, now.infeasible()
	}
	for a := Created; a <= Held; a++ {
		if now.Actions[a] != p.Report.Actions[a] {
			return stale("records to "+a.String(), fmt.Sprint(p.Report.Actions[a]), fmt.Sprint(now.Actions[a]))
		}
	}
	if now.Answers != p.Report.Answers {
		return stale("the target's answers", "those of the plan", "others")
	}
	return now, nil
}
