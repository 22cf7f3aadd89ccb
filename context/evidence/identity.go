package evidence

// Identity is what became of ids: whether each of the target leads back to one record of the archive, and how many
// people arrived.
type Identity struct {
	Records uint64 `json:"records"` // that were read back, of those that were due
	Renamed uint64 `json:"renamed"` // of those, the target knows them by another id
	Merged  uint64 `json:"merged"`  // were to have an id of the target that another one has; must be 0
	// Principals are people, groups and programs of the archive, and Arrived those of them that were read back.
	Principals uint64 `json:"principals"`
	Arrived    uint64 `json:"principalsArrived"`
	// Mapped are names of principals that the map of the replay gives another one, of Named that it was asked for. Absent: no map.
	Mapped *uint64 `json:"principalsMapped,omitempty"`
	Named  *uint64 `json:"principalsNamed,omitempty"`
}
