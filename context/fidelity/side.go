package fidelity

// A SideError is an error of one of the two states that are compared: one that cannot be read.
type SideError struct {
	Second bool // got; else want
	Err    error
}

// Error is the error with the place of its state, for who does not know the state by a name.
func (e *SideError) Error() string {
	if e.Second {
		return "fidelity: second state: " + e.Err.Error()
	}
	return "fidelity: first state: " + e.Err.Error()
}

// Unwrap is the error without the side.
func (e *SideError) Unwrap() error { return e.Err }
