package report

import (
	"crypto/sha1" // #nosec G505 -- version 5 UUIDs are made with it; nothing relies on it
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

const oscalVersion = "1.1.2"

// The part of OSCAL's assessment results that a drill fills in.
type (
	oscalDoc struct {
		Results oscalResults `json:"assessment-results"`
	}
	oscalResults struct {
		UUID     string        `json:"uuid"`
		Metadata oscalMetadata `json:"metadata"`
		ImportAP oscalHref     `json:"import-ap"`
		Results  []oscalResult `json:"results"`
		Back     oscalBack     `json:"back-matter"`
	}
	oscalMetadata struct {
		Title        string      `json:"title"`
		LastModified string      `json:"last-modified"`
		Version      string      `json:"version"`
		OSCALVersion string      `json:"oscal-version"`
		Props        []oscalProp `json:"props"`
	}
	oscalHref struct {
		Href    string `json:"href"`
		Remarks string `json:"remarks,omitempty"`
	}
	oscalProp struct {
		Name  string `json:"name"`
		NS    string `json:"ns"`
		Value string `json:"value"`
	}
	oscalResult struct {
		UUID         string             `json:"uuid"`
		Title        string             `json:"title"`
		Description  string             `json:"description"`
		Start        string             `json:"start"`
		End          string             `json:"end,omitempty"`
		Props        []oscalProp        `json:"props"`
		Reviewed     oscalReviewed      `json:"reviewed-controls"`
		Observations []oscalObservation `json:"observations"`
		Findings     []oscalFinding     `json:"findings,omitempty"`
	}
	oscalReviewed struct {
		Selections []oscalSelection `json:"control-selections"`
	}
	oscalSelection struct {
		Description string         `json:"description"`
		Include     []oscalControl `json:"include-controls"`
	}
	oscalControl struct {
		ID string `json:"control-id"`
	}
	oscalObservation struct {
		UUID        string          `json:"uuid"`
		Title       string          `json:"title"`
		Description string          `json:"description"`
		Props       []oscalProp     `json:"props"`
		Methods     []string        `json:"methods"`
		Evidence    []oscalEvidence `json:"relevant-evidence"`
		Collected   string          `json:"collected"`
	}
	oscalEvidence struct {
		Href        string `json:"href"`
		Description string `json:"description"`
	}
	oscalFinding struct {
		UUID        string         `json:"uuid"`
		Title       string         `json:"title"`
		Description string         `json:"description"`
		Target      oscalTarget    `json:"target"`
		Related     []oscalRelated `json:"related-observations"`
	}
	oscalTarget struct {
		Type   string      `json:"type"`
		ID     string      `json:"target-id"`
		Title  string      `json:"title"`
		Status oscalStatus `json:"status"`
	}
	oscalStatus struct {
		State  string `json:"state"`
		Reason string `json:"reason,omitempty"`
	}
	oscalRelated struct {
		Observation string `json:"observation-uuid"`
	}
	oscalBack struct {
		Resources []oscalResource `json:"resources"`
	}
	oscalResource struct {
		UUID  string      `json:"uuid"`
		Title string      `json:"title"`
		Links []oscalHref `json:"rlinks"`
	}
)

// oscal has an observation for each check. A finding says satisfied only of a check that passed on
// what was measured; what was declared, derived or not tested is observed and no finding.
func (b *book) oscal() ([]byte, error) {
	id := func(parts ...string) string {
		return uuid(b.Drill.ID, b.Archive.ManifestSHA256, fmt.Sprint(b.Drill.LedgerIndex), strings.Join(parts, " "))
	}
	start, end := b.Drill.StartedAt, b.Drill.EndedAt
	if end.IsZero() {
		end = start
	}
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	prop := func(name, value string) oscalProp {
		if value = strings.TrimSpace(clean(value)); value == "" {
			value = "none"
		}
		return oscalProp{name, evidence.PredicateType, value}
	}
	res := oscalResult{
		UUID: id("result"), Title: "Exit drill " + orNone(b.Title()), Start: stamp(start), End: stamp(end),
		Description: b.Word(b.gates) + ". " + b.catalog.Note,
		Props:       []oscalProp{prop("verdict", string(b.judged.Verdict)), prop("level", string(b.Drill.Level)), prop("mode", string(b.Drill.Mode)), prop("manifest-sha256", b.Archive.ManifestSHA256)},
	}
	var in []oscalControl
	for _, c := range b.catalog.Controls {
		in = append(in, oscalControl{token(c.ID)})
	}
	res.Reviewed.Selections = []oscalSelection{{"Controls that the checks of a drill are input to, as of " + b.catalog.Date, in}}
	for i := range b.checks {
		c := &b.checks[i]
		method := "EXAMINE"
		if c.Result != evidence.Untold && c.Basis == evidence.Measured {
			method = "TEST"
		}
		o := oscalObservation{
			UUID: id("observation", c.ID), Title: c.ID, Description: orNone(c.Text + " " + resultWord(c.Result) + ": " + c.Why), Methods: []string{method}, Collected: stamp(end),
			Props:    []oscalProp{prop("result", string(c.Result)), prop("basis", string(c.Basis)), prop("gate", cellOf(c.Gate).raw), prop("input-to", strings.Join(c.InputTo, " "))},
			Evidence: []oscalEvidence{{"csv/checks.csv#" + c.ID, "row " + c.ID + " of csv/checks.csv"}},
		}
		for _, e := range c.Evidence {
			o.Evidence = append(o.Evidence, oscalEvidence{"urn:sha256:" + orNone(e.Digest.SHA256), orNone(e.Name)})
		}
		res.Observations = append(res.Observations, o)
		state := ""
		switch {
		case c.Result == evidence.Pass && c.Basis == evidence.Measured:
			state = "satisfied"
		case c.Result == evidence.Fail:
			state = "not-satisfied"
		default:
			continue
		}
		res.Findings = append(res.Findings, oscalFinding{
			UUID: id("finding", c.ID), Title: c.ID, Description: orNone(c.Why),
			Target:  oscalTarget{"objective-id", token(c.ID), c.Text, oscalStatus{State: state, Reason: map[string]string{"satisfied": "pass", "not-satisfied": "fail"}[state]}},
			Related: []oscalRelated{{o.UUID}},
		})
	}
	doc := oscalDoc{oscalResults{
		UUID: id("document"), Results: []oscalResult{res},
		Metadata: oscalMetadata{
			Title: "Exit drill " + orNone(b.Title()) + ", assessment results", LastModified: stamp(end), Version: "1", OSCALVersion: oscalVersion,
			Props: []oscalProp{prop("exercise", cellOf(b.Drill.Exercise).raw)},
		},
		ImportAP: oscalHref{"#" + id("plan"), "The plan file of the drill; its SHA-256 is " + orNone(b.Drill.PlanDigest.SHA256)},
		Back:     oscalBack{[]oscalResource{{id("plan"), "The plan file of the drill, which is not in the pack", []oscalHref{{Href: "urn:sha256:" + orNone(b.Drill.PlanDigest.SHA256)}}}}},
	}}
	out, err := json.MarshalIndent(doc, "", " ")
	return append(out, '\n'), err
}

func orNone(s string) string {
	if s = strings.TrimSpace(clean(s)); s == "" {
		return "none"
	}
	return s
}

// token spells an id as an XML NCName, which OSCAL asks for.
func token(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-':
			return r
		case r == '(', r == ')':
			return '.'
		}
		return '_'
	}, strings.ReplaceAll(id, ")", ""))
}

// uuid is one of version 5, of these words.
func uuid(words ...string) string {
	h := sha1.New()
	for _, w := range append([]string{evidence.PredicateType}, words...) {
		fmt.Fprintf(h, "%d %s\n", len(w), w)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
