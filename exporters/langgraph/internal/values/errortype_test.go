package values

import "testing"

// TestErrorType: of an error its type is told and never its message, as the libraries keep both.
func TestErrorType(t *testing.T) {
	for _, c := range []struct{ serializer, have, want string }{
		{"msgpack", "\xd9\x20RuntimeError('boom in worker 2')", "RuntimeError"},
		{"json", `"KeyError('s3cret')"`, "KeyError"},
		{"json", `"app.Oops()"`, "app.Oops"},
		{"json", `{"message":"s3cret","name":"AbortError"}`, "AbortError"},
		{"json", `"1 validation error for Model (s3cret)"`, ""},
		{"json", `"<Oops s3cret>"`, ""},
		{"json", `"s3cret"`, ""},
		{"json", `{"message":"s3cret","name":"said: s3cret"}`, ""},
		{"json", `{"message":"s3cret"}`, ""},
		{"msgpack+aes", "s3cret", ""},
		{"msgpack", "", ""},
	} {
		if got := ErrorType(c.serializer, []byte(c.have)); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.serializer, c.have, got, c.want)
		}
	}
}
