package agentcore

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// moment is a time as the protocol writes it: seconds since 1970 with a fraction. Part of the
// definitions and other endpoints write text, by RFC 3339 with or without a zone, or the number in
// quotes: it becomes the number. Empty: there is none, or it is not a time.
type moment string

// UnmarshalJSON never fails: a time that is not one is no reason to lose the record.
func (m *moment) UnmarshalJSON(doc []byte) error {
	var n json.Number
	var text string
	*m = ""
	if json.Unmarshal(doc, &text) == nil && text != "" {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
			if t, err := time.Parse(layout, text); err == nil {
				*m = stamp(t.Round(time.Millisecond).UnixMilli())
				return nil
			}
		}
	}
	if json.Unmarshal(doc, &n) == nil { // of a number in quotes too
		*m = moment(n)
	}
	return nil
}

// MarshalJSON writes the number.
func (m moment) MarshalJSON() ([]byte, error) { return json.Marshal(json.Number(m)) }

// stamp is a time in milliseconds.
func stamp(ms int64) moment {
	return moment(strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64))
}

// nanos is m in nanoseconds since 1970, to the millisecond; 0: none, or out of range.
func nanos(m moment) int64 {
	f, err := strconv.ParseFloat(string(m), 64)
	if err != nil || math.Abs(f) > 9e9 {
		return 0
	}
	return int64(math.Round(f*1000)) * 1e6
}
