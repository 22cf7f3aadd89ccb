package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/replay"
)

// readMap reads a map file; an empty path is no map.
func readMap(path string) (*mapping.Map, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 2<<20)) // Parse has its own bound
	if err != nil {
		return nil, err
	}
	m, err := mapping.Parse(b)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return m, nil
}

// sameMap refuses a map that is not the one of a plan or a journal.
func sameMap(path string, bound *mapping.Map) error {
	m, err := readMap(path)
	if err != nil || m == nil || m.Digest() == bound.Digest() {
		return err
	}
	return fmt.Errorf("%w: %s is not the map that it was made with", replay.ErrStale, path)
}

// printMap says what a map meets, a line a noun.
func (a *app) printMap(all *replay.Report) {
	rep := all.Map
	if rep == nil {
		return
	}
	if n := all.Rewritten; n > 0 {
		defer fmt.Fprintf(a.stdout, "the target writes new names otherwise in %s; lose has them\n", plural(int(n), "field", "fields"))
	}
	for _, n := range rep.Nouns {
		var parts []string
		for _, x := range n.Renamed[:min(len(n.Renamed), few)] {
			parts = append(parts, clean(x.From)+" → "+clean(x.To))
		}
		if n.RenamedN > few {
			parts = append(parts, fmt.Sprintf("%s more", number(n.RenamedN-few)))
		}
		line := strings.Join(parts, " · ")
		if line == "" {
			line = "none of the map"
		}
		fmt.Fprintf(a.stdout, "%s: %s%s\n", n.Noun, line, unmapped(n))
		for i, name := range n.Unused {
			if i == few {
				fmt.Fprintf(a.stdout, "  and %s more\n", number(len(n.Unused)-few))
				break
			}
			fmt.Fprintf(a.stdout, "  nothing in the archive is called %s\n", clean(name))
		}
	}
}

// unmapped says what has no match, and what becomes of it.
func unmapped(n mapping.Noun) string {
	if n.UnmappedN == 0 {
		return ""
	}
	if n.Noun != "tools" {
		var names []string
		for _, x := range n.Unmapped[:min(len(n.Unmapped), few)] {
			names = append(names, clean(x.From))
		}
		if n.UnmappedN > few {
			names = append(names, "…")
		}
		what := "what is of them waits"
		if n.Policy == mapping.Keep {
			what = "they keep their names"
		}
		return fmt.Sprintf("; %s of %s have no match: %s; %s", number(n.UnmappedN), number(n.UnmappedN+n.RenamedN), strings.Join(names, ", "), what)
	}
	var out strings.Builder
	for i, x := range n.Unmapped {
		if i == few {
			fmt.Fprintf(&out, "; %s more have no match", number(n.UnmappedN-few))
			break
		}
		fmt.Fprintf(&out, "; %s has no match", clean(x.From))
		if x.Count > 0 {
			fmt.Fprintf(&out, ", %s readable, cannot run", plural(int(x.Count), "past call stays", "past calls stay"))
		}
	}
	return out.String()
}

// mapJSON is a report of a map for --json.
func mapJSON(rep *mapping.Report) []map[string]any {
	out := []map[string]any{}
	if rep == nil {
		return out
	}
	names := func(ns []mapping.Name) []map[string]any {
		out := []map[string]any{}
		for _, x := range ns {
			out = append(out, map[string]any{"from": x.From, "to": x.To, "count": x.Count})
		}
		return out
	}
	for _, n := range rep.Nouns {
		out = append(out, map[string]any{"noun": n.Noun, "unmapped_policy": n.Policy, "renamed": names(n.Renamed), "renamed_count": n.RenamedN,
			"unmapped": names(n.Unmapped), "unmapped_count": n.UnmappedN, "unused": append([]string{}, n.Unused...)})
	}
	return out
}
