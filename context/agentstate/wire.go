package agentstate

// Generated is what the code generated of records has: four times as fast as proto.Marshal, which checks text on the way.
type Generated interface {
	SizeVT() int
	MarshalToSizedBufferVT(b []byte) (int, error)
}

// MarshalInto makes the bytes of v in b, which is v.SizeVT() long; false: v is not well-formed, or was changed meanwhile.
func MarshalInto(b []byte, v Generated) bool {
	n, err := v.MarshalToSizedBufferVT(b)
	return err == nil && n == len(b)
}
