package drill

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
)

// Check finds what is missing, all of it at once.
func (p *Plan) Check() error {
	var bad []string
	want := func(ok bool, f string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(f, args...))
		}
	}
	want(plainName(p.Name), "name: want letters, digits, - _ and ., got %q", p.Name)
	want(!saysInShort(p.Name), "name: want another end than .test-result and .svr, which say a drill in short, got %q", p.Name)
	want(p.Exercise, "exercise: want true: a drill gives no notice and switches nothing")
	want(p.Scenario != "", "scenario: what is rehearsed?")
	want(p.Mode == evidence.Planned || p.Mode == evidence.Stressed, "mode: want planned or stressed, got %q", p.Mode)
	want(len(p.Level) == 2 && p.Level >= evidence.L1 && p.Level <= evidence.L5, "level: want L1 to L5, got %q", p.Level)
	want(p.Level != evidence.L5 || p.Mode == evidence.Stressed, "level: L5 is a stressed exit: want mode stressed")
	want(p.Source != "" || p.Mode == evidence.Stressed, "source: a planned drill reads one")
	want(p.Archive != "", "archive: which file?")
	want(p.Target != "" || len(p.Into) > 0 || p.Level < evidence.L3, "target: level %s writes into one", p.Level)
	want(p.Recall.Queries >= 0 && p.Recall.Queries <= 10_000 && p.Recall.K >= 0 && p.Recall.K <= 1000, "recall: want at most 10,000 queries, and k at most 1,000")
	want(p.Keys.TSA == "" || p.Keys.Sign != "", "keys.tsa: a time stamp is for a signature: give keys.sign")
	want(len(p.Keys.TSACerts) == 0 || p.Keys.Trust != "" || p.Keys.Sign != "", "keys.tsa_certs: whose signature? give keys.trust")
	want(p.Tasks.Suite == "" || len(p.Tasks.Target) > 0, "tasks.target: which program runs a task?")
	want(p.Tasks.Cassette == "" || p.Tasks.Suite != "", "tasks.cassette: for which tasks? give tasks.suite")
	want(p.Tasks.Runs >= 0 && p.Tasks.Runs <= 1000, "tasks.runs: want 1 to 1000, got %d", p.Tasks.Runs)
	want(p.Output != "", "output: which folder?")
	want(!slices.ContainsFunc([]string{p.Archive, p.Output, p.Ledger}, func(s string) bool { return strings.HasPrefix(s, "~/") }), "archive, output, ledger: ~ is a folder of that name there: write the whole path")
	want(slices.Contains([]string{"", "label", "redact", "refuse", "off"}, p.Secrets), "secrets: want label, redact, refuse or off, got %q", p.Secrets)
	want(p.Targets.Survival >= 0 && p.Targets.Survival <= 1, "targets.survival: want a share from 0 to 1, got %v", p.Targets.Survival)
	want(p.Targets.Tasks >= 0 && p.Targets.Tasks <= 1, "targets.tasks: want a share from 0 to 1, got %v", p.Targets.Tasks)
	want(p.Targets.Tasks == 0 || p.Tasks.Suite != "", "targets.tasks: of which tasks? give tasks.suite")
	state := agentstate.StateKinds()
	kind := func(where, k string) { want(slices.Contains(state, k), "%s: no kind %q", where, k) }
	p.checkLists(want, kind)
	want(slices.Contains([]string{"", "saas", "paas", "iaas"}, p.Arranged.ServiceType), "arrangement.service_type: want saas, paas or iaas, got %q", p.Arranged.ServiceType)
	p.checkMore(want, kind)
	if s := p.Arranged.ContractSHA256; s != "" {
		b, err := hex.DecodeString(s)
		want(err == nil && len(b) == 32, "arrangement.contract_sha256: want 64 hexadecimal digits")
	}
	for where, u := range map[string]string{"source": p.Source, "target": p.Target, "embedder.url": p.Embedder.URL} {
		want(!password(u), "%s: a password stands in it: write ${NAME} and set NAME in the environment", where)
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("%w: %s", ErrPlan, strings.Join(bad, "; "))
	}
	return nil
}

// checkLists is Check for what a plan lists.
func (p *Plan) checkLists(want func(ok bool, f string, args ...any), kind func(where, k string)) {
	for _, k := range p.Kinds {
		kind("kinds", k)
	}
	for _, k := range p.Arranged.PromisedKinds {
		kind("arrangement.promised_kinds", k)
	}
	for _, x := range p.Arranged.Exclusions {
		kind("arrangement.exclusions", x.Kind)
		want(x.Ground != "" && x.Why != "", "arrangement.exclusions: %s: want a ground and a why", x.Kind)
	}
	for k := range p.Targets.RPO {
		if k != "*" {
			kind("targets.rpo", k)
		}
	}
	for i, c := range p.Canaries {
		want((c.Key == "") != (c.Kind == ""), "canaries[%d]: want a key or a kind, one of them", i)
		want(c.Key != "" || c.Contains != "", "canaries[%d]: which %s? give what it contains", i, c.Kind)
		if c.Kind != "" {
			kind(fmt.Sprintf("canaries[%d]", i), c.Kind)
		}
	}
	for i, a := range p.Accepted {
		kind(fmt.Sprintf("accepted_losses[%d]", i), a.Kind)
		want(a.By != "" && a.Until != "", "accepted_losses[%d]: want by whom and until when", i)
	}
	for i, f := range p.Findings {
		want(f.ID != "" && f.Text != "", "findings[%d]: want an id and a text", i)
		want(f.State == "open" || f.State == "closed", "findings[%d]: state: want open or closed, got %q", i, f.State)
	}
	for i, s := range p.Provider.Sunset {
		want(s.Object != "" && s.Date != "", "provider.sunset[%d]: want an object and a date", i)
	}
}
