package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return strings.Trim(b.Main.Version, "()")
	}
	return "devel"
}

// number groups digits by thousands.
func number[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is n of a thing.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func timeText(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05")
}

// kindOrder sorts kinds as streams have them, unknown ones last.
func kindOrder(kinds []string) []string {
	all := agentstate.Kinds()
	place := func(k string) int {
		if i := slices.Index(all, k); i >= 0 {
			return i
		}
		return len(all)
	}
	sort.Slice(kinds, func(i, j int) bool {
		if a, b := place(kinds[i]), place(kinds[j]); a != b {
			return a < b
		}
		return kinds[i] < kinds[j]
	})
	return kinds
}

func stateCounts(m map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for k, n := range m {
		if agentstate.IsState(k) && n > 0 {
			out[k] = n
		}
	}
	return out
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return kindOrder(out)
}

// coverageLine names the kinds that have records, or that are not whole.
func coverageLine(rep *agentstate.Report) string {
	var parts []string
	for _, k := range keys(rep.Verdict.Kinds) {
		n, v := rep.Records[k], rep.Verdict.Kinds[k]
		if n == 0 && v.Coverage <= agentstate.Listed {
			continue
		}
		s := fmt.Sprintf("%s %s %s", k, number(n), v.Coverage)
		if v.Coverage > agentstate.Listed {
			s += " (" + v.Why + ")"
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return "no records"
	}
	return strings.Join(parts, " · ")
}

func kindVerdicts(rep *agentstate.Report) map[string]any {
	out := map[string]any{}
	for k, v := range rep.Verdict.Kinds {
		out[k] = map[string]any{"records": rep.Records[k], "coverage": v.Coverage.String(), "why": v.Why}
	}
	return out
}

func gapLine(g *pb.Gap) string {
	s := strings.TrimSpace(g.Kind + " " + g.Place)
	s += "  " + gapReason(g)
	if g.Count > 0 {
		s += fmt.Sprintf(", %s records", number(g.Count))
	}
	if g.Permission != "" {
		s += ", needs " + g.Permission + "."
	} else if g.Detail != "" {
		s += ": " + g.Detail + "."
	}
	return s
}

func gapReason(g *pb.Gap) string {
	return strings.ToLower(strings.TrimPrefix(g.Reason.String(), "REASON_"))
}

func gapList(gs []*pb.Gap) []map[string]any {
	out := []map[string]any{}
	for _, g := range gs {
		out = append(out, map[string]any{
			"kind": g.Kind, "place": g.Place, "reason": gapReason(g), "count": g.Count, "permission": g.Permission, "detail": g.Detail,
		})
	}
	return out
}

// shellWord is s as one word of a shell: a URL with options holds what shells have a use for.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-./:@%+=,~", r)
	}
	if strings.HasPrefix(s, "-") { // else it would be an option
		s = "./" + s
	}
	if s != "" && s[0] != '~' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
