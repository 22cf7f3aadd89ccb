package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func (a *app) listCmd() *cobra.Command {
	f := &listFlags{}
	c := &cobra.Command{
		Use: "list ARCHIVE [KIND…]", Short: "What is in an archive: a line a record, its key first",
		Long: `Without KIND, lists what a person looks for: agents, people, conversations, what waits for an
answer, memories, grants; the rest as counts. With KIND, or --all, every record.`,
		Args: cobra.MinimumNArgs(1), Annotations: map[string]string{jsonLines: "true"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				if err := leftAside(c, "the kinds are named", "all"); err != nil {
					return err
				}
			}
			return a.list(c.Context(), args[0], args[1:], f)
		},
	}
	f.keys.add(c)
	c.Flags().BoolVar(&f.json, "json", false, "a JSON object a line: of a record, with key and kind, or of an error before the first")
	c.Flags().BoolVar(&f.all, "all", false, "every record of every kind")
	return c
}

// forPeople are the kinds that list shows when it is not told which.
func forPeople() []string {
	return []string{"principal", "credential", "policy", "toolserver", "tool", "toolgrant", "agent", "model", "skill", "trigger",
		"memoryspace", "memory", "entity", "conversation", "interrupt", "artifact", "testsuite"}
}

const (
	widest = 120  // key, in bytes, that titles still stand in a column behind
	screen = 1000 // lines that share a column: of a million, none waits for the last
)

type listFlags struct {
	keys      keyFlags
	json, all bool
}

func (a *app) list(ctx context.Context, path string, kinds []string, f *listFlags) (err error) {
	src, err := a.source(ctx, path, &f.keys)
	if err != nil {
		return err
	}
	defer src.Close()
	want := kinds
	if len(want) == 0 && !f.all && !f.json {
		want = forPeople()
	}
	counts, opaque := map[string]uint64{}, map[string]uint64{}
	shown := map[string]bool{}
	w := bufio.NewWriterSize(a.stdout, 1<<16)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	defer func() { // what was listed stands before an error, too
		if ferr := errors.Join(tw.Flush(), w.Flush()); err == nil {
			err = ferr
		}
	}()
	var ro *agentstate.ReadOptions
	if len(kinds) > 0 {
		ro = &agentstate.ReadOptions{Kinds: kinds}
	}
	last, lines := "", 0
	for r, err := range src.Records(ctx, ro) {
		if err != nil {
			return err
		}
		kind := agentstate.KindOf(r)
		if kind == "mark" {
			continue
		}
		counts[kind]++
		if o, ok := r.(*pb.Opaque); ok {
			for _, n := range o.GetMeta().GetNative() {
				opaque[n.Type]++
			}
		}
		if len(want) > 0 && !slices.Contains(want, kind) || !agentstate.IsState(kind) && !slices.Contains(kinds, kind) && !f.all {
			continue
		}
		shown[kind] = true
		if f.json {
			b, err := json.Marshal(map[string]any{"key": r.GetMeta().GetKey(), "kind": kind, "title": title(r)})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s\n", b); err != nil {
				return err
			}
			a.told = true // an error behind it would be no record: what reads them looks at the exit code
			continue
		}
		if lines++; kind != last || lines%screen == 0 {
			tw.Flush()
			last = kind
		}
		line := "%s\t%s\n"
		if len(r.GetMeta().GetKey()) > widest { // one long key must not push every title off the screen
			line = "%s  %s\n"
		}
		if _, err := fmt.Fprintf(tw, line, r.GetMeta().GetKey(), title(r)); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if err := checkKinds(kinds, counts); err != nil {
		return err
	}
	if !f.json && len(kinds) == 0 {
		a.listRest(w, counts, opaque, shown)
	}
	for _, kind := range kinds {
		if counts[kind] == 0 {
			fmt.Fprintf(a.stderr, "there is no %s in it\n", kind)
		}
	}
	return nil
}

// listRest counts what was not listed.
func (a *app) listRest(w *bufio.Writer, counts, opaque map[string]uint64, shown map[string]bool) {
	var rest []string
	for _, kind := range keys(counts) {
		if shown[kind] || !agentstate.IsState(kind) {
			continue
		}
		s := fmt.Sprintf("%s %s", number(counts[kind]), kind)
		if kind == "opaque" {
			var by []string
			for _, t := range keys(opaque) {
				by = append(by, fmt.Sprintf("%s %s", number(opaque[t]), t))
			}
			s += " (" + strings.Join(by, ", ") + ")"
		}
		rest = append(rest, s)
	}
	if len(rest) > 0 {
		fmt.Fprintf(w, "and %s\n", strings.Join(rest, " · "))
	}
	if n := counts["gap"]; n > 0 {
		fmt.Fprintf(w, "%s: exitramp list ARCHIVE gap\n", plural(int(n), "gap", "gaps"))
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// title is a record in a few words.
func title(r agentstate.Record) string {
	switch r := r.(type) {
	case *pb.Origin:
		return clean(short(r.Product+" "+r.Flavor+" "+r.Schema, 120))
	case *pb.Conversation:
		return join(r.Status, short(r.Title, 60), count(len(r.ContextKeys), "message in view", "messages in view"), timeText(r.GetMeta().GetUpdatedUnixNano()))
	case *pb.Message:
		return join(roleText(r), short(partsText(r.Parts), 80))
	case *pb.State:
		return join(r.Scope, short(labelText(r, "agent"), 60), dataSize(r.Value))
	case *pb.Interrupt:
		return join(strings.ToLower(strings.TrimPrefix(r.Status.String(), "STATUS_")), r.AskedBy, short(dataText(r.Question), 80), strings.Join(r.Options, "/"))
	case *pb.MemorySpace:
		return clean(short(strings.Join(r.Path, " / "), 120))
	case *pb.Memory:
		return join(short(memoryText(r), 90), expires(r.ExpiresUnixNano))
	case *pb.Checkpoint:
		step := ""
		if r.Step != nil {
			step = fmt.Sprintf("step %d", *r.Step)
		}
		return join(step, r.Source, r.Namespace, count(len(r.Channels), "channel", "channels"))
	case *pb.ChannelValue:
		return join(r.Serializer, dataSize(r.Value))
	case *pb.PendingWrite:
		return join(r.Channel, r.Serializer, dataSize(r.Value))
	case *pb.Embedding:
		return join(r.Field, r.Model, fmt.Sprintf("%d dimensions", r.Dimensions))
	case *pb.Principal:
		return join(strings.ToLower(strings.TrimPrefix(r.Form.String(), "FORM_")), r.Name, r.Subject)
	case *pb.Credential:
		return join(r.Form, r.Provider, r.Name)
	case *pb.ToolServer:
		return join(r.Name, r.Protocol)
	case *pb.Policy:
		return join(r.Name, r.Language)
	case *pb.Model:
		if r.ServedId == r.RequestedId {
			return join(r.RequestedId, r.Region)
		}
		return join(r.RequestedId, r.ServedId, r.Region)
	case *pb.Skill:
		return join(r.Name, short(r.Description, 60))
	case *pb.Trigger:
		return join(onOff(r.Enabled), r.Name, r.Form, short(r.Expression, 40))
	case *pb.TestSuite:
		return join(r.Name, short(r.Description, 60))
	case *pb.TestCase:
		return join(r.Name, short(dataText(r.Input), 80))
	case *pb.Run:
		return join(r.Status, timeText(cmp.Or(r.StartedUnixNano, r.GetMeta().GetCreatedUnixNano())), short(runText(r), 120))
	case *pb.Revision:
		return join(r.Operation, r.OfKey)
	case *pb.Tombstone:
		return join(r.OfKey, short(r.Reason, 60))
	case *pb.Tool:
		return join(r.Name, short(r.Description, 60))
	case *pb.ToolGrant:
		return join(strings.ToLower(strings.TrimPrefix(r.Effect.String(), "EFFECT_")), r.Pattern, r.ToolKey)
	case *pb.Agent:
		return join(r.Name, short(r.Description, 60))
	case *pb.Gap:
		return gapLine(r)
	case *pb.Opaque:
		for _, n := range r.GetMeta().GetNative() {
			return n.Type
		}
	case *pb.Entity:
		return join(r.Name, strings.Join(r.Types, ", "))
	case *pb.Relation:
		return join(r.Type, r.FromKey, r.ToKey)
	case *pb.Artifact:
		return join(r.Name, bytesText(int64(r.Size)))
	}
	return ""
}

// runText is what a run cost, and of which conversation it is.
func runText(r *pb.Run) string {
	cost := ""
	if r.InputTokens+r.OutputTokens > 0 {
		cost = fmt.Sprintf("%s tokens in, %s out", number(r.InputTokens), number(r.OutputTokens))
	}
	return join(cost, r.ConversationKey)
}

// labelText are the values of r's labels of a name.
func labelText(r agentstate.Record, name string) string {
	var out []string
	for _, l := range r.GetMeta().GetLabels() {
		if l.Name == name && !slices.Contains(out, l.Value) {
			out = append(out, l.Value)
		}
	}
	return strings.Join(out, ", ")
}
