package evidence

import "time"

// Timing is how long each phase took.
type Timing struct {
	Phases     []Phase           `json:"phases"`
	RTOSeconds float64           `json:"rtoSeconds"`           // from the start of verify to the end of read-back; stressed and planned alike; 0: nothing was read back
	RPOSeconds map[string]uint64 `json:"rpoSeconds,omitempty"` // by kind: start of the drill minus the moment up to which the archive is known to have all
	Projection *Projection       `json:"projection,omitempty"`
}

// Phase is one step of the drill.
type Phase struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"` // by a monotonic clock
	Records uint64    `json:"records"`
	Bytes   int64     `json:"bytes,omitempty"`
}

// Projection is how long the full volume would take.
type Projection struct {
	Records uint64  `json:"records"`
	Seconds float64 `json:"seconds"`
	Formula string  `json:"formula"`
	Limit   uint64  `json:"limitSeconds"` // 30 days
}

// ModelEnd is a model that the agents need, and the day that it ends.
type ModelEnd struct {
	Model  string `json:"model"`
	Agents uint64 `json:"agents"`
	Ends   string `json:"ends,omitempty"` // a date; empty: none is known
	Source string `json:"source,omitempty"`
	Pinned bool   `json:"pinned"`
	// Weights are where they are, in the words of whoever read the model: "archived", "referenced, not archived", "kept by
	// the provider". Empty: the source does not say.
	Weights []string `json:"weights,omitempty"`
}

// Cost is one declared cost.
type Cost struct {
	Item     string `json:"item"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Class    string `json:"class"` // "switching", "parallel use"
}

// ExportSeconds is how long the source was read, 0 where it was not. An attempt that was killed left no phase: of a drill of
// several the wall clock counts, from its start to the first look at the archive, its rest included.
func (t *Timing) ExportSeconds(attempts uint64, started time.Time) float64 {
	secs, verify := 0.0, time.Time{}
	for _, ph := range t.Phases {
		switch {
		case ph.Name == "export":
			secs += ph.Seconds
		case ph.Name == "verify" && verify.IsZero():
			verify = ph.Start
		}
	}
	if secs > 0 && attempts > 1 && !verify.IsZero() {
		secs = max(secs, verify.Sub(started).Seconds())
	}
	return secs
}
