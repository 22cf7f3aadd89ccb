package agentstate

// As finds an optional interface on v or on what v wraps: a wrapper has Unwrap() Source or
// Unwrap() Sink. A plain type assertion would lose blobs and resume behind a wrapper.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		switch w := v.(type) {
		case interface{ Unwrap() Source }:
			v = w.Unwrap()
		case interface{ Unwrap() Sink }:
			v = w.Unwrap()
		default:
			v = nil
		}
	}
	var zero T
	return zero, false
}
