package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/exitramp/exitramp/context/evidence"
)

// maxText is how many characters of one text a report shows.
const maxText = 600

// printable takes out of a text what would not print, or would print other than it is. Nearly every text of a report
// is plain ASCII and is not looked up in the tables of Unicode.
func printable(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case ' ' <= r && r <= '~':
			return r
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// clean is a text that prints, and is not endless.
func clean(s string) string {
	s = printable(s)
	if n := 0; len(s) > maxText {
		for i := range s {
			if n++; n > maxText {
				return s[:i] + "…"
			}
		}
	}
	return s
}

// grouped is a whole number with a comma at the thousands.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// seconds is a duration in two units: "9 min 2 s".
func seconds(s float64) string {
	switch {
	case !(s >= 0):
		return "unknown"
	case s == 0:
		return "0 s"
	case s < 0.001:
		return "< 1 ms"
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 60:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", s), ".0") + " s"
	case s > 1e12:
		return "over 30,000 years"
	}
	n := uint64(math.Round(s))
	units := []struct {
		size uint64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}
	for i, u := range units {
		if n < u.size {
			continue
		}
		out := grouped(n/u.size) + " " + u.name
		if i+1 < len(units) {
			if rest := n % u.size / units[i+1].size; rest > 0 {
				out += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return out
	}
	return "0 s"
}

// share is n of m in per cent, never rounded up to 100 nor down to 0.
func share(n, m uint64) string {
	if m == 0 {
		return "none"
	}
	p := 100 * float64(n) / float64(m)
	switch {
	case n < m && p > 99.9:
		return "> 99.9 %"
	case n > 0 && p < 0.1:
		return "< 0.1 %"
	}
	return strings.TrimSuffix(strconv.FormatFloat(p, 'f', 1, 64), ".0") + " %"
}

func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// at is a time as people read it; empty for none.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 Jan 2006")
}

// span is a window of time.
func span(from, to time.Time) string {
	switch {
	case from.IsZero() && to.IsZero():
		return ""
	case to.IsZero():
		return "from " + at(from)
	case from.UTC().Truncate(time.Second).Equal(to.UTC().Truncate(time.Second)):
		return at(from) + ", within a second"
	case from.IsZero():
		return "to " + at(to)
	case from.UTC().YearDay() == to.UTC().YearDay() && from.UTC().Year() == to.UTC().Year():
		return from.UTC().Format("2 January 2006, 15:04:05") + " to " + to.UTC().Format("15:04:05 UTC")
	}
	return at(from) + " to " + at(to)
}

// plural is a kind as people call it.
func plural(kind string) string {
	switch kind {
	case "memory":
		return "memories"
	case "policy":
		return "policies"
	case "entity":
		return "entities"
	case "toolgrant":
		return "tool grants"
	case "toolserver":
		return "tool servers"
	case "memoryspace":
		return "memory spaces"
	case "channelvalue":
		return "channel values"
	case "pendingwrite":
		return "pending writes"
	case "testsuite":
		return "test suites"
	case "testcase":
		return "test cases"
	case "testrun":
		return "test runs"
	case "opaque":
		return "rows of bookkeeping"
	case "principal", "credential", "artifact", "tool", "model", "skill", "agent", "trigger", "revision", "relation",
		"conversation", "run", "message", "state", "checkpoint", "interrupt", "embedding":
		return kind + "s"
	}
	return clean(kind) + " records"
}

// levelText is what a level asks for.
func levelText(l evidence.Level) string {
	return map[evidence.Level]string{
		evidence.L1: "to export and to check what was exported",
		evidence.L2: "to export, check, and load into a neutral store",
		evidence.L3: "to export, check, import into a live target, and read it back",
		evidence.L4: "to export, check, import into a live target, read it back, and run the users' tasks there",
		evidence.L5: "to leave in full with the provider kept out, to the users' tasks",
	}[l]
}

// verdictText is what a verdict means.
func verdictText(v evidence.Verdict) string {
	return map[evidence.Verdict]string{
		evidence.VerdictPass:         "every gate of the level held",
		evidence.VerdictPassWithLoss: "every gate of the level held, and something is known to be lost",
		evidence.VerdictPartial:      "no gate failed, and one or more were not tested",
		evidence.VerdictFail:         "the exit did not hold what the level asks for",
		evidence.VerdictInvalid:      "the drill itself was broken: it shows nothing",
	}[v]
}

// gravity orders grades: what is gone, what waits, what is changed.
func gravity(grade string) int {
	switch grade {
	case "exact", "equivalent":
		return 3
	case "transformed", "defaulted":
		return 2
	case "quarantined", "redacted":
		return 1
	}
	return 0
}

// ranked sorts losses, the gravest first, records that are gone before fields that are, then by how many have it.
func ranked(ls []evidence.Loss) []evidence.Loss {
	out := slices.Clone(ls)
	slices.SortStableFunc(out, func(a, b evidence.Loss) int {
		return cmp.Or(cmp.Compare(gravity(a.Grade), gravity(b.Grade)), cmp.Compare(min(len(a.Path), 1), min(len(b.Path), 1)), cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path))
	})
	return out
}

// sentence is a loss in plain words.
func sentence(l *evidence.Loss) string {
	of := ""
	if l.Of > 0 {
		of = " of " + grouped(l.Of)
	}
	s := grouped(l.Count) + of + " " + plural(l.Kind)
	field := "the field " + clean(l.Path)
	switch {
	case l.Grade == "quarantined":
		s += " wait for a person before they have any effect"
	case l.Path == "" && l.Grade == "redacted":
		s += " were left out on purpose"
	case l.Path == "":
		s += " do not arrive"
	case l.Grade == "dropped":
		s += " arrive without " + field
	case l.Grade == "defaulted":
		s += " arrive with the target's own value in " + field
	case l.Grade == "transformed":
		s += " arrive with " + field + " changed by a rule of the plan"
	case l.Grade == "redacted":
		s += " arrive with " + field + " taken out on purpose"
	case l.Grade == "equivalent":
		s += " arrive with the same value, in other form, in " + field
	default:
		s += " arrive with " + field + " " + clean(l.Grade)
	}
	if l.Why != "" {
		s += ": " + strings.TrimRight(clean(l.Why), ".")
	}
	return s + "."
}

// accepted says who lives with a loss.
func accepted(l *evidence.Loss) string {
	switch {
	case l.AcceptedBy == "":
		return "Nobody has accepted this loss."
	case l.Until == "":
		return "Accepted by " + clean(l.AcceptedBy) + "."
	}
	return "Accepted by " + clean(l.AcceptedBy) + " until " + clean(l.Until) + "."
}

// resultWord is a result as people read it.
func resultWord(r evidence.Result) string {
	if r == evidence.Untold {
		return "not tested"
	}
	return string(r)
}

// percent is a share of the recall kind, 0 to 1, as given.
func percent(f float64) string {
	if math.IsNaN(f) || f < 0 || f > 1 {
		return "unknown"
	}
	return strings.TrimSuffix(strconv.FormatFloat(100*f, 'f', 1, 64), ".0") + " %"
}
