package evidence

// Features that are no kind of record. Earlier releases called the first one "state", which is a kind as well: of two
// rows of that name it is the second.
const (
	FeatureAll   = "all kinds"
	FeatureTasks = "tasks"
)

// Replayed is how alike one shared feature behaves at the target. Levels: R0 parsed, R1 fits its
// schema, R2 taken by the target, R3 equal state, R4 the same tool calls and arguments with
// recorded model and tools, R5 a comparable outcome with a live model.
type Replayed struct {
	Feature string `json:"feature"` // a kind of record, or one of those below
	Level   string `json:"level"`   // the highest that was reached
	Runs    uint64 `json:"runs"`
	Passed  uint64 `json:"passed"` // at that level
	// Equal are the runs that came out alike in everything: state in every field; of tasks, the same calls of
	// tools with the same arguments, and the same output, as at the source in the same run. Absent: not compared.
	Equal *uint64 `json:"equal,omitempty"`
	// CI95 is the Wilson interval of Passed over Runs, as if the runs were independent; runs of one task are
	// more alike than that. Absent where one comparison is no sample.
	CI95 *[2]float64 `json:"ci95,omitempty"`
	// Shared tells whether both sides were seen to have the feature; absent: one side was not looked at.
	Shared *bool  `json:"shared,omitempty"`
	Judge  string `json:"judge,omitempty"`
}
