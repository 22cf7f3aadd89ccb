package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func (a *app) showCmd() *cobra.Command {
	k := &keyFlags{}
	var asJSON bool
	c := &cobra.Command{
		Use: "show ARCHIVE KEY", Short: "One record, for people; a conversation reads like one",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.openArchive(args[0], k)
			if err != nil {
				return err
			}
			defer r.Close()
			rec, err := r.Get(c.Context(), args[1])
			if err != nil {
				return notIn(args[0], args[1], err)
			}
			if asJSON {
				_, err := fmt.Fprintf(a.stdout, "%s\n", recordjson.Append(nil, rec))
				return err
			}
			if conv, ok := rec.(*pb.Conversation); ok {
				return a.showConversation(c.Context(), r, conv)
			}
			return a.showRecord(rec)
		},
	}
	k.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "the record as JSON, as cat has it")
	return c
}

// showConversation prints what was said, in order, what waits for a person or failed, and where more was said.
func (a *app) showConversation(ctx context.Context, r *format.Reader, c *pb.Conversation) error {
	fmt.Fprintln(a.stdout, join(c.Meta.Key, c.Title, c.Status))
	for _, l := range c.Meta.Labels {
		fmt.Fprintf(a.stdout, "  %s: %s\n", clean(l.Name), clean(l.Value))
	}
	others, said := 0, map[string]bool{}
	var inside []*pb.Conversation
	print := func(m *pb.Message) {
		said[m.Meta.Key] = true
		fmt.Fprintf(a.stdout, "\n%s\n", roleText(m))
		for _, p := range m.Parts {
			fmt.Fprintf(a.stdout, "  %s\n", strings.ReplaceAll(clean(partText(p)), "\n", "\n  "))
		}
	}
	for _, key := range c.ContextKeys {
		rec, err := r.Get(ctx, key)
		if err != nil {
			return err
		}
		if m, ok := rec.(*pb.Message); ok {
			print(m)
		}
	}
	kinds := []string{"conversation", "message", "interrupt"}
	if c.Status == "failed" {
		kinds = append(kinds, "pendingwrite")
	}
	stands := map[string]bool{} // at which checkpoints
	for _, key := range c.Meta.ViewOfKeys {
		stands[key] = true
	}
	var writes []*pb.PendingWrite // there
	for rec, err := range r.Records(ctx, &agentstate.ReadOptions{Kinds: kinds}) {
		if err != nil {
			return err
		}
		switch rec := rec.(type) {
		case *pb.Conversation:
			if rec.ParentKey == c.Meta.Key {
				inside = append(inside, rec)
			}
		case *pb.Message:
			if rec.ConversationKey != c.Meta.Key || said[rec.Meta.Key] {
				continue
			}
			if len(c.ContextKeys) == 0 {
				print(rec)
			} else {
				others++
			}
		case *pb.PendingWrite:
			if stands[rec.CheckpointKey] {
				writes = append(writes, rec)
			}
		case *pb.Interrupt:
			if rec.ConversationKey == c.Meta.Key && rec.Status != pb.Interrupt_STATUS_CLOSED {
				a.showInterrupt(rec)
			}
		}
	}
	failures, err := langgraph.Failures(writes, func(key string) (agentstate.Record, error) { return r.Get(ctx, key) })
	if err != nil {
		return err
	}
	for _, f := range failures {
		fmt.Fprintf(a.stdout, "\n%s\n  %s\n", join("FAILED", f.Node, f.Type), clean(f.Key))
	}
	for i, in := range inside {
		if i == 0 {
			fmt.Fprintln(a.stdout, "\nforked from it, or runs inside it:")
		}
		fmt.Fprintf(a.stdout, "  %s\n", join(in.Meta.Key, in.Title, in.Status))
	}
	if others > 0 {
		fmt.Fprintf(a.stdout, "\nand %s from earlier or other branches: exitramp list ARCHIVE message\n", count(others, "message", "messages"))
	}
	return nil
}

// showInterrupt prints what waits for a person.
func (a *app) showInterrupt(i *pb.Interrupt) {
	id := ""
	if i.NativeId != "" {
		id = "id " + i.NativeId
	}
	state := "WAITS FOR A PERSON"
	if i.Status == pb.Interrupt_STATUS_ANSWERED {
		state = "ANSWERED, NOT YET GONE ON"
	}
	fmt.Fprintf(a.stdout, "\n%s\n  %s\n", join(state, i.AskedBy, id), questionText(i))
	if len(i.Options) > 0 {
		fmt.Fprintf(a.stdout, "  answers: %s\n", clean(strings.Join(i.Options, ", ")))
	}
}

// showRecord prints the fields that are set, a line each.
func (a *app) showRecord(r agentstate.Record) error {
	fmt.Fprintln(a.stdout, r.GetMeta().GetKey())
	a.showFields(r.ProtoReflect(), "  ")
	return nil
}

func (a *app) showFields(m protoreflect.Message, indent string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		v := m.Get(fd)
		if !fd.IsList() {
			a.showValue(fd, v, indent)
			continue
		}
		for j := range v.List().Len() {
			a.showValue(fd, v.List().Get(j), indent)
		}
	}
	if n := len(m.GetUnknown()); n > 0 {
		fmt.Fprintf(a.stdout, "%snot understood: %d bytes of a later release\n", indent, n)
	}
}

func (a *app) showValue(fd protoreflect.FieldDescriptor, v protoreflect.Value, indent string) {
	name := string(fd.Name())
	switch {
	case fd.Kind() == protoreflect.MessageKind:
		if d, ok := v.Message().Interface().(*pb.Data); ok {
			fmt.Fprintf(a.stdout, "%s%s: %s\n", indent, name, clean(short(dataText(d), 2000)))
			return
		}
		fmt.Fprintf(a.stdout, "%s%s:\n", indent, name)
		a.showFields(v.Message(), indent+"  ")
	case fd.Kind() == protoreflect.BytesKind:
		b := v.Bytes()
		if t, ok := printable(b); ok {
			fmt.Fprintf(a.stdout, "%s%s: %s\n", indent, name, short(t, 2000))
		} else {
			fmt.Fprintf(a.stdout, "%s%s: %s of data\n", indent, name, bytesText(int64(len(b))))
		}
	case fd.Kind() == protoreflect.EnumKind:
		d := fd.Enum().Values().ByNumber(v.Enum())
		if d == nil {
			fmt.Fprintf(a.stdout, "%s%s: %d, not understood\n", indent, name, v.Enum())
			return
		}
		fmt.Fprintf(a.stdout, "%s%s: %s\n", indent, name, strings.ToLower(string(d.Name())))
	case strings.HasSuffix(name, "_unix_nano"):
		fmt.Fprintf(a.stdout, "%s%s: %s UTC\n", indent, strings.TrimSuffix(name, "_unix_nano"), timeText(v.Int()))
	default:
		fmt.Fprintf(a.stdout, "%s%s: %s\n", indent, name, clean(v.String()))
	}
}

// clean takes out what would steer a terminal: an archive's text is not the operator's. Spaces that do not break a line,
// and what joins or parts letters without a width, belong to what people write.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', unicode.IsPrint(r), unicode.Is(unicode.Zs, r), r >= '\u200B' && r <= '\u200D', r == '\u00AD', r == '\u2060', r == '\uFEFF':
			return r
		}
		return '�'
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// printable is b as a text for people, colored or not; false where it is none.
func printable(b []byte) (string, bool) {
	if !utf8.Valid(b) {
		return "", false
	}
	for _, r := range string(b) {
		if unicode.IsControl(r) && !strings.ContainsRune("\n\t\r\x1b", r) {
			return "", false
		}
	}
	return clean(string(b)), true
}

// compactJSON is JSON on one line, other text as it is.
func compactJSON(s string) string {
	var x json.RawMessage
	if json.Unmarshal([]byte(s), &x) != nil {
		return s
	}
	return string(x)
}
