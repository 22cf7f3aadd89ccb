package evidence

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

//go:embed statements.json
var statementsJSON []byte

//go:embed controls.json
var controlsJSON []byte

// Asked is one of the statements that each drill answers with a [Check].
type Asked struct {
	ID      string   `json:"id"` // "AC-8"
	Section string   `json:"section"`
	Text    string   `json:"text"`
	InputTo []string `json:"inputTo"` // ids of Controls
}

// Control is an article of law, or a control of a standard, that answers are input to. Whether it
// is met is for whoever judges it.
type Control struct {
	ID        string `json:"id"` // "DA-25(2)(a)", "ISO27001-A.5.30"
	Framework string `json:"framework"`
	Ref       string `json:"ref"`   // as people cite it
	Title     string `json:"title"` // in our words
	Read      string `json:"read"`  // what the title was written from: "primary" text, "secondary" source, "not checked"
}

// Catalog is what a drill is asked, and what its answers are input to. Law changes: it is data,
// with a date.
type Catalog struct {
	Version    string
	Date       string // of both files
	Note       string
	Statements []Asked // AC-1 to AC-46, in order
	Controls   []Control
	Obstacles  map[string]string // reason of a gap, as "forbidden", to the id of the control that it is input to
	Assets     []string          // kinds that are digital assets, as the list reads the Data Act; all others are exportable data
}

// Obligation is an article or control, and the checks of a drill that are input to it. Whether it is
// met is for whoever judges it.
type Obligation struct {
	Source string   `json:"source"` // id of a Control
	Checks []string `json:"checks"`
}

// Obligations are all of them, in the order of Controls.
func (c *Catalog) Obligations() []Obligation {
	var out []Obligation
	for _, k := range c.Controls {
		o := Obligation{Source: k.ID}
		for _, s := range c.Statements {
			if slices.Contains(s.InputTo, k.ID) {
				o.Checks = append(o.Checks, s.ID)
			}
		}
		if len(o.Checks) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// DataClass is what a kind is to the Data Act.
func (c *Catalog) DataClass(kind string) string {
	if slices.Contains(c.Assets, kind) {
		return DataAsset
	}
	return DataExportable
}

// DefaultCatalog is that of this release. What it holds is shared, and only to be read.
func DefaultCatalog() *Catalog {
	c := *catalog()
	return &c
}

// catalog is read once: a drill and its report ask for it several times.
var catalog = sync.OnceValue(func() *Catalog {
	var s struct {
		Version    string  `json:"version"`
		Date       string  `json:"date"`
		Statements []Asked `json:"statements"`
	}
	var c struct {
		Note      string            `json:"note"`
		Date      string            `json:"date"`
		Controls  []Control         `json:"controls"`
		Obstacles map[string]string `json:"obstacles"`
		Assets    []string          `json:"digitalAssets"`
	}
	for name, f := range map[string]struct {
		raw []byte
		v   any
	}{"statements.json": {statementsJSON, &s}, "controls.json": {controlsJSON, &c}} {
		if err := json.Unmarshal(f.raw, f.v); err != nil {
			panic("evidence: " + name + ": " + err.Error()) // a test reads it
		}
	}
	return &Catalog{Version: s.Version, Date: min(s.Date, c.Date), Note: c.Note, Statements: s.Statements, Controls: c.Controls, Obstacles: c.Obstacles, Assets: c.Assets}
})

// Statements are the statements of this release, AC-1 to AC-46, in order.
func Statements() []Asked { return DefaultCatalog().Statements }
