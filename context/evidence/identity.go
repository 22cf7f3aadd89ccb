package evidence

import "fmt"

// Identity is what became of ids: whether each of the target leads back to one record of the archive, and how many
// people arrived.
type Identity struct {
	Records uint64 `json:"records"` // that were read back, of those that were due
	Renamed uint64 `json:"renamed"` // of those, the target knows them by another id
	Merged  uint64 `json:"merged"`  // were to have an id of the target that another one has; each counts as missing
	// Principals are people, groups and programs of the archive, and Arrived those of them that were read back.
	Principals uint64 `json:"principals"`
	Arrived    uint64 `json:"principalsArrived"`
	// Mapped are names of principals that the map of the replay gives another one, of Named that it was asked for. Absent: no map.
	Mapped *uint64 `json:"principalsMapped,omitempty"`
	Named  *uint64 `json:"principalsNamed,omitempty"`
}

// broken says what of i does not agree with itself or with the kinds.
func (i *Identity) broken(kinds []Kind) []string {
	if i == nil {
		return nil
	}
	var why []string
	var all, came, back, missing uint64
	for n := range kinds {
		k := &kinds[n]
		there := k.Imported - min(k.Missing, k.Imported)
		back, missing = sum(back, there), sum(missing, k.Missing)
		if k.Kind == "principal" {
			all, came = k.Archived, there
		}
	}
	if i.Records != back {
		why = append(why, fmt.Sprintf("identity: %d read back, and by their kinds %d", i.Records, back))
	}
	if i.Renamed > i.Records {
		why = append(why, fmt.Sprintf("identity: %d read back, and %d of them under another id", i.Records, i.Renamed))
	}
	if i.Merged > missing {
		why = append(why, fmt.Sprintf("identity: %d had an id that was taken, and by their kinds %d are missing", i.Merged, missing))
	}
	if (i.Mapped == nil) != (i.Named == nil) || i.Mapped != nil && *i.Mapped > *i.Named {
		why = append(why, "identity: more principals have another name by the map than it was asked for")
	}
	if i.Principals != all || i.Arrived != came {
		why = append(why, fmt.Sprintf("identity: %d of %d principals arrived, and by their kind %d of %d", i.Arrived, i.Principals, came, all))
	}
	return why
}
