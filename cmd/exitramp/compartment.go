package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
)

// addCompartments is the flag that puts records under keys of their own.
func (f *exportFlags) addCompartments(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.compartments, "compartment", nil, "`NAME:WHAT:WHO`: records of WHAT under a key of their own, for WHO alone: kinds, keys of principals, or secrets, with commas; age1… or @FILE. May be given again; the first that fits takes a record")
}

// compartments are those of the flags.
func (a *app) compartments(f *exportFlags, o *format.WriterOptions) error {
	for _, text := range f.compartments {
		name, rest, ok := strings.Cut(text, ":")
		at := strings.LastIndex(rest, ":")
		if !ok || at < 0 || name == "" || rest[:at] == "" || len(name) > 100 {
			return withHint(usagef("--compartment %s: want NAME:WHAT:WHO", clean(name)), "for example --compartment people:principal,credential:@hr.pub")
		}
		what, who := strings.Split(rest[:at], ","), rest[at+1:]
		for _, w := range what {
			if w != "secrets" && !strings.Contains(w, "/") && !slices.Contains(agentstate.StateKinds(), w) {
				return usagef("--compartment %s: %q is no kind, no key and not secrets; kinds are %s", clean(name), w, strings.Join(agentstate.StateKinds(), ", "))
			}
		}
		if path, isFile := strings.CutPrefix(who, "@"); isFile {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			who = string(b)
		}
		rs, err := a.parseRecipients(who)
		var e *exitError
		if errors.As(err, &e) {
			return err
		}
		if err != nil {
			return usagef("--compartment %s: %v", clean(name), err)
		}
		if i := slices.IndexFunc(o.Compartments, func(c format.Compartment) bool { return c.Name == name }); i >= 0 {
			return withHint(usagef("--compartment %s is there twice", clean(name)), "put all who open it into one file: @FILE")
		}
		o.Compartments = append(o.Compartments, format.Compartment{Name: name, Recipients: rs, Match: fits(what)})
	}
	if len(o.Compartments) > 0 && len(o.Recipients) == 0 {
		return withHint(usagef("--compartment needs -r KEY, -R FILE or -p: who opens the rest"), "the same people may open both")
	}
	return nil
}

// fits tells whether a record is of what: of a kind, about a person, or with a secret that a scan found.
func fits(what []string) func(agentstate.Record) bool {
	is := map[string]bool{}
	for _, w := range what {
		is[w] = true
	}
	return func(r agentstate.Record) bool {
		m := r.GetMeta()
		if is[agentstate.KindOf(r)] || is[m.GetKey()] {
			return true
		}
		if is["secrets"] {
			for _, l := range m.GetLabels() {
				if l.GetName() == agentstate.LabelSecrets {
					return true
				}
			}
		}
		return slices.ContainsFunc(m.GetSubjectKeys(), func(k string) bool { return is[k] })
	}
}
