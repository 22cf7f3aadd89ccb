package agentstate

import (
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// FromOperator tells whether a runtime could take m for words of its operator: by role, by a role of a
// later release, or by the runtime's own word.
func FromOperator(m *pb.Message) bool {
	if _, known := pb.Role_name[int32(m.Role)]; !known || m.Role == pb.Role_ROLE_SYSTEM {
		return true
	}
	if m.NativeRole == "" {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(m.NativeRole)) {
	case "system", "developer", "root", "platform":
		return true
	}
	return false
}
