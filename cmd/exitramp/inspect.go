package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func (a *app) inspectCmd() *cobra.Command {
	k := &keyFlags{}
	var asJSON bool
	c := &cobra.Command{
		Use: "inspect ARCHIVE", Short: "What an archive is: where from, when, how much, how whole; the clear part needs no key",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.inspect(c.Context(), args[0], k, asJSON) },
	}
	k.add(c)
	k.trust.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func (a *app) inspect(ctx context.Context, path string, k *keyFlags, asJSON bool) error {
	path = archivePath(path)
	policy, err := k.trust.policy("", false)
	if err != nil {
		return err
	}
	if policy == nil {
		policy = format.IntegrityOnly()
	}
	ro, err := a.readerOptions(k, policy)
	if err != nil {
		return err
	}
	f, size, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	ro.Keys = format.KeysBeside(path)
	in, err := format.Inspect(f, size, ro)
	if err != nil {
		return a.refused(path, err, asJSON)
	}
	grants, unread := readGrants(ctx, f, size, ro, in) // what the clear part says stands without them
	if err := ctx.Err(); err != nil {
		return err
	}
	if asJSON {
		return a.inspectJSON(path, in, grants, unread)
	}
	a.printReadings(in)
	var counts []string
	for _, kind := range keys(stateCounts(in.Records)) {
		counts = append(counts, fmt.Sprintf("%s %s", kind, number(in.Records[kind])))
	}
	if len(counts) > 0 {
		fmt.Fprintln(a.stdout, strings.Join(counts, " · "))
	}
	if unread != nil {
		fmt.Fprintln(a.stdout, "grants  cannot be read: exitramp verify says why")
	} else if grants != nil {
		fmt.Fprintln(a.stdout, "grants ", grants.text())
	}
	fmt.Fprintf(a.stdout, "coverage %s · %s · %s members · sealed %s by %s\n",
		in.Coverage, bytesText(in.Bytes), number(in.Members), in.Created.UTC().Format(time.RFC3339), clean(in.Tool))
	if in.Base != "" {
		fmt.Fprintf(a.stdout, "number %d of lineage %s; made from the archive whose manifest is %s\n", in.Sequence, clean(in.Lineage), in.Base)
	}
	if in.Open {
		fmt.Fprintln(a.stdout, "secrets", secretsText(secrets.Of(in.Statements...)))
		if text := storedText(in); text != "" {
			fmt.Fprintln(a.stdout, "stored ", text)
		}
	}
	fmt.Fprintln(a.stdout, encryptionText(in))
	if len(in.Compartments) > 1 {
		for _, c := range in.Compartments {
			state := "closed"
			if c.Open {
				state = "open"
			}
			fmt.Fprintf(a.stdout, "  compartment %s  %s, age %s+  %s\n", compartmentName(c), c.Weakest, c.OpensWith, state)
		}
	}
	fmt.Fprintln(a.stdout, signatureText(in))
	a.printGaps("gap  ", in.Gaps, "exitramp list ARCHIVE gap has all of them")
	return nil
}

// printReadings prints what an archive was read from, when and by whom.
func (a *app) printReadings(in *format.Info) {
	for _, o := range in.Origins {
		fmt.Fprintln(a.stdout, join(o.Product, o.Flavor, o.Schema, o.Location))
		for _, n := range originNotes(o) {
			fmt.Fprintln(a.stdout, "note ", n)
		}
	}
	for _, s := range in.Statements {
		line := join(timeText(s.FromUnixNano)+" – "+timeText(s.ToUnixNano)+" UTC", "read by "+s.Observer)
		if s.Consistent {
			line += "  one snapshot"
		}
		if s.Resumed > 0 {
			line += fmt.Sprintf("  resumed %dx", s.Resumed)
		}
		fmt.Fprintln(a.stdout, line)
		for _, n := range readingNotes(s) {
			fmt.Fprintln(a.stdout, "note ", n)
		}
		if names := notRead(s); len(names) > 0 {
			fmt.Fprintf(a.stdout, "not read, of what the service lists: %s\n", clean(strings.Join(names, " ")))
		}
		if text := newestText(s); text != "" {
			fmt.Fprintln(a.stdout, text)
		}
	}
}

// printGaps prints the first gaps, each behind word, and where the others are.
func (a *app) printGaps(word string, gaps []*pb.Gap, where string) {
	for _, g := range gaps[:min(len(gaps), fewGaps)] {
		fmt.Fprintln(a.stdout, word, clean(gapLine(g)))
	}
	if n := len(gaps) - fewGaps; n > 0 {
		fmt.Fprintf(a.stdout, "  and %s: %s\n", plural(n, "more gap", "more gaps"), where)
	}
}

func encryptionText(in *format.Info) string {
	if in.Encryption == "none" {
		return "not encrypted: whoever has the file reads it"
	}
	s := fmt.Sprintf("encrypted: %s, %s · opens with age %s+", in.Weakest, plural(len(in.Compartments), "compartment", "compartments"), in.OpensWith)
	if in.Shreddable {
		s += " · keys beside it: ends with them"
	}
	if n := closed(in); n > 0 {
		s += fmt.Sprintf(" · %d closed: give the key with -i, or the passphrase with -p", n)
	}
	return s
}

// compartmentName is its number and, where it is known, its name.
func compartmentName(c format.CompartmentInfo) string {
	if c.Name == "" {
		return fmt.Sprint(c.N)
	}
	return fmt.Sprintf("%d %s", c.N, clean(c.Name))
}

// closedText names the compartments that no key at hand opens.
func closedText(in *format.Info) string {
	var names []string
	for _, c := range in.Compartments {
		if !c.Open {
			names = append(names, compartmentName(c))
		}
	}
	return "closed: compartment " + strings.Join(names, ", ")
}

func signatureText(in *format.Info) string {
	switch {
	case len(in.SignedBy) > 0:
		return signedBy(in.SignedBy)
	case in.Attestations == 0:
		return "no signature inside"
	}
	return fmt.Sprintf("signatures inside: %d, not checked: give --trust FILE", in.Attestations)
}

func closed(in *format.Info) (n int) {
	for _, c := range in.Compartments {
		if !c.Open {
			n++
		}
	}
	return n
}

func (a *app) inspectJSON(path string, in *format.Info, grants *grantEffects, unread error) error {
	var origins, readings []map[string]any
	for _, o := range in.Origins {
		origins = append(origins, map[string]any{"product": o.Product, "flavor": o.Flavor, "version": o.Version, "schema": o.Schema, "location": o.Location, "notes": originNotes(o)})
	}
	kinds := map[string]any{}
	for _, s := range in.Statements {
		readings = append(readings, map[string]any{
			"from_unix_nano": s.FromUnixNano, "to_unix_nano": s.ToUnixNano, "consistent": s.Consistent, "observer": s.Observer,
			"observer_basis": s.ObserverBasis, "account": s.Account, "resumed": s.Resumed, "changed": s.Changed, "not_read": notRead(s), "notes": readingNotes(s),
			"newest_unix_nano": s.NewestUnixNano, "newest_before_start_seconds": newestJSON(s),
		})
		for _, f := range s.Kinds {
			if f.Class != pb.KindCompleteness_CLASS_ABSENT {
				kinds[f.Kind] = map[string]any{"class": strings.ToLower(strings.TrimPrefix(f.Class.String(), "CLASS_")), "enumerated": f.Enumerated,
					"reference": f.Reference, "reference_route": f.ReferenceRoute, "access_basis": f.AccessBasis, "opaque": f.Opaque}
			}
		}
	}
	compartments := []map[string]any{}
	for _, c := range in.Compartments {
		compartments = append(compartments, map[string]any{"n": c.N, "name": c.Name, "weakest": c.Weakest, "opens_with_age": c.OpensWith, "open": c.Open})
	}
	for k, v := range in.Verdict.Kinds {
		m, ok := kinds[k].(map[string]any)
		if !ok {
			m = map[string]any{}
			kinds[k] = m
		}
		m["coverage"], m["why"] = v.Coverage.String(), v.Why
	}
	return a.printJSON(map[string]any{
		"archive": path, "format": "ctxa/1", "archive_id": in.ArchiveID, "lineage": in.Lineage, "sequence": in.Sequence, "base": in.Base,
		"created_at": in.Created.UTC().Format(time.RFC3339), "tool": in.Tool, "coverage": in.Coverage, "records": stateCounts(in.Records),
		"views": in.Views, "not_understood": in.Unknown, "kinds": kinds, "origins": origins, "readings": readings, "secrets": secretsJSON(secrets.Of(in.Statements...)),
		"secrets_stored": storedJSON(in), "secret_references": in.Records["credential"], "grants": grants, "grants_unread": unread != nil, "gaps": gapList(in.Gaps),
		"encryption": in.Encryption, "compartments": compartments, "weakest": in.Weakest, "opens_with_age": in.OpensWith, "shreddable": in.Shreddable, "open": in.Open,
		"members": in.Members, "bytes": in.Bytes, "manifest_sha256": in.ManifestHex(), "signatures": in.Attestations, "signed_by": signedByJSON(in.SignedBy),
	})
}

// notRead are the listings of the source that the reading did not call.
func notRead(s *pb.Completeness) []string {
	names := []string{}
	for _, l := range s.GetMeta().GetLabels() {
		if l.Name == "not_read" {
			names = append(names, strings.Fields(l.Value)...)
		}
	}
	return names
}

// readingNotes are what a person should know of what was read.
func readingNotes(s *pb.Completeness) []string {
	out := []string{}
	for _, n := range agentstate.Notes(s) {
		out = append(out, clean(n))
	}
	return out
}

// originNotes are what a person should know of how a place was read: a database whose write-ahead
// log was not beside it, or that holds what is of others.
func originNotes(o *pb.Origin) []string {
	out := []string{}
	for _, l := range o.GetMeta().GetLabels() {
		if (l.Name == "wal" || strings.HasSuffix(l.Name, " wal")) && strings.Contains(l.Value, "absent") || strings.HasSuffix(l.Name, " tables") || strings.HasSuffix(l.Name, " triggers") || l.Name == "other files" {
			out = append(out, clean(l.Name+" "+l.Value))
		}
	}
	return out
}
