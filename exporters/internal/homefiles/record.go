package homefiles

import (
	"io/fs"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelMode is the label of a file that is a program.
const labelMode = "mode"

// ModeLabels say of a file that it is a program.
func (f *File) ModeLabels() []*pb.Label {
	if f.Info.Mode()&0o100 == 0 {
		return nil
	}
	return []*pb.Label{{Name: labelMode, Value: "executable"}}
}

// modeOf is the mode of the file that a record was.
func modeOf(r agentstate.Record) fs.FileMode {
	for _, l := range r.GetMeta().GetLabels() {
		if l.Name == labelMode {
			return 0o700
		}
	}
	return 0o600
}

// DataOf is what stands in the file that a record was; nil: it was none.
func DataOf(r agentstate.Record) *pb.Data {
	switch r := r.(type) {
	case *pb.Conversation:
		if n := r.Meta.Native; len(n) == 1 {
			return n[0].GetData()
		}
	case *pb.Memory:
		return r.GetData()
	case *pb.Agent:
		return r.Instructions
	case *pb.Skill:
		return r.Instructions
	case *pb.Artifact:
		return r.Data
	case *pb.Policy:
		return r.Text
	}
	return nil
}
