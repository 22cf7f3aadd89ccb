package main

import (
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// secretsStored is how many of the secrets that scans found are in the archive; not known: of a reading
// nobody says that it was scanned.
func secretsStored(statements []*pb.Completeness) (n uint64, known bool) {
	for _, st := range statements {
		s := secrets.Of(st)
		if s == nil {
			return 0, false
		}
		if s.Mode == secrets.Label.String() { // the others take out what they find, or seal nothing
			places, _ := s.Total()
			n += places
		}
	}
	return n, len(statements) > 0
}

// storedText says what is there of secrets: values that were found, and references to others; empty:
// neither is known.
func storedText(in *format.Info) string {
	var parts []string
	if n, known := secretsStored(in.Statements); known {
		parts = append(parts, plural(int(n), "secret that was found", "secrets that were found"))
	}
	if n := in.Records["credential"]; n > 0 {
		parts = append(parts, plural(int(n), "reference to a secret kept elsewhere", "references to secrets kept elsewhere"))
	}
	return strings.Join(parts, " · ")
}

// newestBefore is how long before the reading began the newest change was that it saw; below zero:
// after. Not known: the source does not say when things changed.
func newestBefore(st *pb.Completeness) (d time.Duration, known bool) {
	if st.NewestUnixNano == 0 || st.FromUnixNano == 0 {
		return 0, false
	}
	return time.Unix(0, st.FromUnixNano).Sub(time.Unix(0, st.NewestUnixNano)), true
}

// newestText is newestBefore for people; empty: not known.
func newestText(st *pb.Completeness) string {
	d, known := newestBefore(st)
	if !known {
		return ""
	}
	where := " before"
	if d < 0 {
		where = " after"
	}
	return "newest change " + awayText(d.Abs()) + where + " the start of the reading"
}

// awayText is a distance in time, in the largest unit of which there are two.
func awayText(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return number(int64(d/time.Second)) + " s"
	case d < 2*time.Hour:
		return number(int64(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return number(int64(d/time.Hour)) + " h"
	}
	return plural(int(d/(24*time.Hour)), "day", "days")
}

// newestJSON and storedJSON are null where it is not known.
func newestJSON(st *pb.Completeness) any {
	if d, known := newestBefore(st); known {
		return d.Seconds()
	}
	return nil
}

func storedJSON(in *format.Info) any {
	if n, known := secretsStored(in.Statements); known {
		return n
	}
	return nil
}
