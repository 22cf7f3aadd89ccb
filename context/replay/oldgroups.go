package replay

// OldGroups tells of keys whether the target held the conversation, or whatever shares the first part of the key, as it is
// before the run: some of its records were there alike, and the run wrote none of them. So it is told of what stands
// inside of other records, of which no answer says it.
func (j *Journal) OldGroups() (func(key string) bool, error) {
	var same, written told
	for x, err := range j.all() {
		if err != nil {
			return nil, err
		}
		if x.entry.done == nil { // in doubt
			written.add(firstPart(x.key))
			continue
		}
		switch x.entry.done.Action {
		case Same.String():
			same.add(firstPart(x.key))
		case Created.String(), Updated.String():
			written.add(firstPart(x.key))
		}
	}
	return func(key string) bool {
		part := firstPart(key)
		return !same.all && same.has(part) && !written.has(part)
	}, nil
}
