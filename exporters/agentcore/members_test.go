package agentcore

import (
	"strings"
	"testing"
)

// A member that another release of the SDK does not have, or has of another type, is an error of the request, and no panic
// of the program that links this package.
func TestMembersOfAnotherSDK(t *testing.T) {
	type request struct {
		Name  *string
		Count *int64
	}
	name, n := "x", int32(1)
	if in, err := members[request]("", "Name")(&n, &name); err != nil || in.Name != &name || in.Count != nil {
		t.Errorf("%v %v", in, err)
	}
	for _, odd := range []string{"Gone", "Count"} {
		if _, err := members[request](odd)(&n); err == nil || !strings.Contains(err.Error(), "request: want a member "+odd+" of type *int32") {
			t.Errorf("%s: %v", odd, err)
		}
	}
}
