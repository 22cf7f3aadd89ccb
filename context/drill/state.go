package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/models"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// state is what a drill that was broken off knows when it goes on. It lies in the output folder
// until the statement does.
type state struct {
	Plan     string           `json:"plan"` // digest
	ID       string           `json:"id"`
	Started  time.Time        `json:"started"`
	Attempts uint64           `json:"attempts"`
	Exit     time.Time        `json:"exit"`    // the first verify began
	Archive  string           `json:"archive"` // digest of its manifest, as the first verify found it
	Sealed   bool             `json:"sealed"`  // the archive is there
	Planned  bool             `json:"planned"` // the replay may have begun
	Phases   []evidence.Phase `json:"phases"`
	Latest   time.Time        `json:"latest"` // that the clock said
	// Between two attempts, in seconds: before the first verify, and from there to the read-back. Nothing was done then.
	RestExport float64           `json:"rest_export,omitempty"`
	RestExit   float64           `json:"rest_exit,omitempty"`
	Recovered  int               `json:"recovered,omitempty"` // phases up to the first read-back that was whole; 0: none was
	ClockSet   bool              `json:"clock_set,omitempty"` // since the drill began
	Seen       *Seen             `json:"seen,omitempty"`      // of the archive
	Models     []models.Use      `json:"models,omitempty"`
	Unnamed    bool              `json:"unnamed,omitempty"` // the target held vectors, and neither they nor the archive's name their model
	Before     map[string]uint64 `json:"before,omitempty"`  // records by kind that the target held alike when the plan was made
	Waiting    []asked           `json:"waiting,omitempty"` // what the plan has wait for an approval: the first mostWaiting
	Echoes     []said            `json:"echoes,omitempty"`  // by planted instruction, the records of the target that said it then with an operator's authority
	Report     *replay.Report    `json:"report,omitempty"`
	Failed     string            `json:"failed,omitempty"`  // digest of the failure that the attempt before ended with, behind its replay
	Stopped    *evidence.Stop    `json:"stopped,omitempty"` // behind a replay: the target could not be read back
	Tasks      *harness.Scores   `json:"tasks,omitempty"`
	Played     map[string]Played `json:"played,omitempty"`   // of a cassette, by side
	Embedded   *Made             `json:"embedded,omitempty"` // vectors that were made anew
	Second     *SecondReading    `json:"second,omitempty"`
	Back       *Back             `json:"back,omitempty"`

	// Of a drill that was judged.
	Statement []byte   `json:"statement,omitempty"`
	Salt      string   `json:"salt,omitempty"`
	Proof     []byte   `json:"proof,omitempty"` // of the block, whose digest is in Statement
	Entry     Entry    `json:"entry"`
	Hints     []string `json:"hints,omitempty"`

	path string
}

// Played is what a cassette gave to the tasks of one side.
type Played struct {
	Requests uint64 `json:"requests"` // of a model
	Misses   uint64 `json:"misses"`   // of those, not as they were recorded
}

// Made is what became of the vectors of a replay.
type Made struct {
	Model   string `json:"model"` // with its dimensions
	Texts   uint64 `json:"texts"`
	Asked   uint64 `json:"asked"`  // of the embedder, the others having been made before
	Tokens  uint64 `json:"tokens"` // estimate: 4 bytes each
	Dropped uint64 `json:"dropped"`
}

// saw keeps what o has seen of the archive.
func (s *state) saw(o *observer, dates *models.Dates) {
	s.Models, s.Seen = o.models.List(dates), o.seen
	s.Seen.Unmet, s.Seen.Unheld = uint64(len(o.unmet)), slices.Sorted(maps.Keys(o.unheld))
}

// maxState is the size of the file of a broken drill.
const maxState = 64 << 20

// loadState reads the state of a broken drill, or makes a new one. An attempt that was killed had gone on for worked
// since it last wrote its state.
func loadState(path string, p *Plan, worked time.Duration, now time.Time) (*state, error) {
	s := &state{Plan: p.Digest(), ID: newID(), Started: now.UTC(), Latest: now.Round(0).UTC(), path: path}
	b, err := readFile(path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		s.Attempts = 1
		return s, s.save()
	}
	if err != nil {
		return nil, err
	}
	old := &state{path: path}
	if err := json.Unmarshal(b, old); err != nil {
		return nil, fmt.Errorf("drill: %s: %w: remove it to begin anew", path, err)
	}
	if old.Plan != s.Plan {
		return nil, fmt.Errorf("drill: %s is of a drill that was broken off, by another plan: want %s, got %s; run that to its end, or remove the file", path, s.Plan, old.Plan)
	}
	old.Attempts++
	old.rested(now.Round(0).Sub(old.Latest.Add(worked)).Seconds())
	if at := now.Round(0).UTC(); at.After(old.Latest) { // killed before it writes its state again, it does not rest twice
		old.Latest = at
	}
	return old, old.save()
}

// rested notes how long nothing was done before an attempt.
func (s *state) rested(secs float64) {
	switch {
	case !(secs > 0) || s.Latest.IsZero() || s.Recovered > 0 || s.Back != nil:
	case s.Exit.IsZero():
		s.RestExport += secs
	default:
		s.RestExit += secs
	}
}

// recovered notes the end of the first read-back that was whole, which is the end of the exit.
func (s *state) recovered() {
	if s.Recovered == 0 {
		s.Recovered = len(s.Phases)
	}
}

// Judged tells whether a run before has judged the drill of p, and was broken off before all was written down: to go on
// takes no runtime.
func (p *Plan) Judged() bool {
	b, err := readFile(filepath.Join(p.Output, p.Name+stateFile), maxState)
	var s struct {
		Plan      string          `json:"plan"`
		Statement json.RawMessage `json:"statement"`
	}
	return err == nil && json.Unmarshal(b, &s) == nil && len(s.Statement) > 0 && s.Plan == p.Digest()
}

func (s *state) save() error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	return syncdir.WriteFile(s.path, b, 0o644)
}

func readFile(path string, max int64) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.Size() > max {
		return nil, fmt.Errorf("drill: %s: %d bytes, at most %d", path, fi.Size(), max)
	}
	return os.ReadFile(path)
}
