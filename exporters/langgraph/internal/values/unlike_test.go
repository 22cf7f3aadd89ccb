package values

import "testing"

func TestTooLong(t *testing.T) {
	for in, want := range map[string]bool{
		"18446744073709551615": false, "18446744073709551616": true, "-9223372036854775808": false, "-9223372036854775809": true,
		`{"a":[1,-99999999999999999999]}`: true, `"99999999999999999999"`: false, `["\"99999999999999999999"]`: false, "1e300": false, "99999999999999999999.5": false, "-": false,
	} {
		if got := TooLong([]byte(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestNotAgain(t *testing.T) {
	for in, want := range map[string]string{
		"\xa3a\x00b": "text that holds NUL", "\xa2ab": "", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00": "NaN or infinity", "\xcb\xff\xf0\x00\x00\x00\x00\x00\x00": "NaN or infinity",
		"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00": "", "\x91\xa3a\x00b": "", "\xc0": "", "\xa3NaN": "",
	} {
		if got := NotAgain([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
