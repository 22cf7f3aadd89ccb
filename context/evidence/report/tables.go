package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// allTables makes the tables, in the order of the report.
func (b *book) allTables() []*table {
	return slices.Concat(
		[]*table{b.drillTable(), b.numbersTable(), b.checksTable(), b.obligationsTable(), b.notTestedTable()},
		b.kindTables(), b.behaviourTables(), b.probeTables(), b.safetyTables(), b.timeTables(), b.integrityTables(),
	)
}

// table finds one by its name.
func (b *book) table(name string) *table {
	for _, t := range b.tables {
		if t.name == name {
			return t
		}
	}
	panic("report: no table " + name)
}

func (b *book) drillTable() *table {
	t := newTable("drill", "The drill, its parties and the arrangement; what is declared stands in the plan file", "id=fact", "value", "basis")
	d, a, ar := &b.Drill, &b.Arrangement, &b.Archive
	for _, f := range []struct {
		id    string
		v     any
		basis evidence.Basis
	}{
		{"verdict", b.Word(b.gates), evidence.Derived},
		{"exercise", d.Exercise, evidence.Declared}, {"notice_given", a.NoticeGiven, evidence.Declared},
		{"drill_id", d.ID, evidence.Declared}, {"name", d.Name, evidence.Declared}, {"level", string(d.Level), evidence.Declared}, {"mode", string(d.Mode), evidence.Declared},
		{"scenario", d.Scenario, evidence.Declared}, {"hypothesis", d.Hypothesis, evidence.Declared},
		{"stop_conditions", strings.Join(d.StopConditions, "; "), evidence.Declared},
		{"started", d.StartedAt, evidence.Measured}, {"ended", d.EndedAt, evidence.Measured},
		{"attempts", d.Attempts, evidence.Measured}, {"ended_early_in", stopped(d.Stopped), evidence.Measured},
		{"plan_sha256", d.PlanDigest.SHA256, evidence.Measured},
		{"ledger_index", d.LedgerIndex, evidence.Measured}, {"ledger_previous_sha256", d.PrevDigest.SHA256, evidence.Measured},
		{"provider_blocked_by", d.ProviderBlocked.Method, evidence.Measured}, {"blocked_outside_the_process", d.ProviderBlocked.Enforced, evidence.Measured},
		{"block_probe", d.ProviderBlocked.Probe, evidence.Measured}, {"block_proof_sha256", d.ProviderBlocked.ProofDigest.SHA256, evidence.Measured},
		{"next_review", d.NextReview, evidence.Declared},
		{"operator", b.Parties.Operator.Name, evidence.Declared}, {"operator_key", b.Parties.Operator.Key, evidence.Declared},
		{"observer", b.Parties.Observer.Name, evidence.Declared}, {"observer_key", b.Parties.Observer.Key, evidence.Declared},
		{"approver", b.Parties.Approver.Name, evidence.Declared}, {"approver_key", b.Parties.Approver.Key, evidence.Declared},
		{"custodian", b.Parties.Custodian.Name, evidence.Declared}, {"custodian_key", b.Parties.Custodian.Key, evidence.Declared},
		{"register_id", a.RegisterID, evidence.Declared}, {"contract_sha256", a.ContractDigest.SHA256, evidence.Declared},
		{"service", a.Service, evidence.Declared}, {"service_type", a.ServiceType, evidence.Declared}, {"tenant_class", a.TenantClass, evidence.Declared},
		{"region", a.Region, evidence.Declared}, {"jurisdiction", a.Jurisdiction, evidence.Declared},
		{"business_function", a.BusinessFunction, evidence.Declared}, {"critical", a.Critical, evidence.Declared},
		{"impact_tolerance", b.Targets.ImpactTolerance, evidence.Declared},
		{"data_basis", a.DataBasis, evidence.Declared}, {"copy_deleted_by", a.CopyDeletedBy, evidence.Declared},
		{"source", runtime(&b.Source), evidence.Measured}, {"source_observer", b.Source.Observer, evidence.Measured},
		{"source_api_version", b.Source.APIVersion, evidence.Measured}, {"source_adapter", adapter(&b.Source), evidence.Measured},
		{"source_read_from", b.Source.From, evidence.Measured}, {"source_read_to", b.Source.To, evidence.Measured},
		{"target", runtime(&b.Target), evidence.Measured}, {"target_observer", b.Target.Observer, evidence.Measured},
		{"target_api_version", b.Target.APIVersion, evidence.Measured}, {"target_adapter", adapter(&b.Target), evidence.Measured},
		{"target_state_sha256", b.Target.StateDigest.SHA256, evidence.Measured}, {"target_state_records", b.Target.StateRecords, evidence.Measured},
		{"archive_id", ar.ID, evidence.Measured}, {"archive_format", ar.Format, evidence.Measured},
		{"archive_bytes", ar.Bytes, evidence.Measured}, {"archive_records", ar.Records, evidence.Measured},
		{"manifest_sha256", ar.ManifestSHA256, evidence.Measured},
		{"tree_root_sha256", ar.TreeRoot.SHA256, evidence.Measured}, {"tree_leaves", leaves(ar), evidence.Measured}, {"archive_encrypted", ar.Encrypted, evidence.Measured},
		{"archive_signed_by", strings.Join(ar.SignedBy, " "), evidence.Measured}, {"archive_coverage", ar.Coverage, evidence.Measured},
		{"newest_event", ar.NewestEvent, evidence.Measured}, {"archive_sealed", ar.Sealed, evidence.Measured},
		{"tool", strings.TrimSpace(b.Tool.Name + " " + b.Tool.Version), evidence.Measured}, {"tool_vcs", b.Tool.VCS, evidence.Measured},
		{"tool_modules_sha256", b.Tool.Modules.SHA256, evidence.Measured}, {"tool_config_sha256", b.Tool.ConfigDigest.SHA256, evidence.Measured}, {"tool_command", strings.Join(b.Tool.Command, " "), evidence.Measured},
	} {
		c := cellOf(f.v)
		if c.raw == "" && c.text == "" {
			c.text = "not said"
		}
		t.put(f.id, c, string(f.basis))
	}
	return t
}

// leaves are those of the tree over all records; nil: nobody says.
func leaves(a *evidence.Archive) *uint64 {
	if a.TreeRoot.SHA256 == "" {
		return nil
	}
	return &a.TreeLeaves
}

// stopped says where a drill could not go on; empty: it ended.
func stopped(s *evidence.Stop) string {
	if s == nil {
		return ""
	}
	return strings.TrimSuffix(s.Phase+": "+s.Why+" ("+s.Class+")", " ()")
}

// runtime names a side; empty: there was none.
func runtime(r *evidence.Runtime) string {
	out := strings.Join(strings.Fields(r.Product+" "+r.Flavor+" "+r.Schema), " ")
	if r.Driver != "" {
		out += " (" + r.Driver + ")"
	}
	return strings.TrimSpace(out)
}

// adapter is the program that read a side, with its version.
func adapter(r *evidence.Runtime) string {
	return strings.TrimSpace(r.Adapter + " " + r.AdapterVersion)
}

func (b *book) numbersTable() *table {
	t := newTable("numbers", "Six numbers beside the targets that were set before the run", "id=row", "number", "measured", "of", "target", "outcome")
	for _, f := range b.numbers {
		v, target := f.Value, f.Target
		if v == "" {
			v = "not tested"
		}
		if target == "" {
			target = "none"
		}
		t.put(f.ID, f.Label, v, f.Of, target, f.State)
	}
	return t
}

func (b *book) checksTable() *table {
	t := newTable("checks", "The statements of a drill and their answers", "id", "section", "statement", "result", "basis", "declared_by", "gate=gate at this level", "seen", "input_to")
	for i := range b.checks {
		c := &b.checks[i]
		basis := string(c.Basis)
		if c.Result == evidence.Untold {
			basis = ""
		}
		t.put(c.ID, c.Section, c.Text, resultWord(c.Result), basis, c.By, c.Gate, c.Why, strings.Join(c.InputTo, " "))
	}
	return t
}

func (b *book) obligationsTable() *table {
	t := newTable("controls", "What the answers are input to; whether an obligation is met is for whoever judges it. As of "+b.catalog.Date,
		"id=control", "framework", "reference", "about", "wording_checked=wording checked against", "input_from=input from", "#passed", "#warned", "#failed", "#not_tested")
	for _, c := range b.catalog.Controls {
		var from []string
		n := map[evidence.Result]int{}
		for i := range b.checks {
			if a := &b.checks[i]; slices.Contains(a.InputTo, c.ID) {
				from = append(from, a.ID+" "+resultWord(a.Result))
				n[a.Result]++
			}
		}
		read := c.Read
		if read != "not checked" {
			read += " text"
		}
		t.put(c.ID, c.Framework, c.Ref, c.Title, read, strings.Join(from, ", "), n[evidence.Pass], n[evidence.Warn], n[evidence.Fail], n[evidence.Untold])
	}
	return t
}

func (b *book) notTestedTable() *table {
	t := newTable("not-tested", "What was not tested, and the limits of this evidence", "id=row", "what", "why")
	for i := range b.checks {
		if c := &b.checks[i]; c.Result == evidence.Untold {
			t.put(c.ID, c.Text, c.Why)
		}
	}
	for _, s := range b.notes() {
		t.put("note", s, "said by the drill")
	}
	for _, s := range b.Limits {
		t.put("limit", s, "limit of this evidence")
	}
	return t
}

// notes are what the drill says that it did not test, without what a check says already.
func (b *book) notes() []string {
	return slices.DeleteFunc(slices.Clone(b.NotTested), func(s string) bool {
		id, _, _ := strings.Cut(s, ":")
		a := b.answered(id)
		return a != nil && a.Result == evidence.Untold
	})
}

func (b *book) kindTables() []*table {
	kinds := newTable("kinds", "Records of each kind, from source to read-back", "id=kind", "class=how found", "coverage", "#reference=independent count", "#source=at source", "#archived",
		"#gaps", "#imported", "#before=there before", "#matched", "#announced=differ as announced", "#differ=differ otherwise", "#missing", "#extra", "#duplicates=under one key", "#quarantined=wait for a person", "#refused", "#conflicts",
		"#skipped=no place, or must stay away", "#stays=stay, by the plan", "#canaries_planted=known answers", "#canaries_recovered=found again", "#links", "#links_resolved=links that resolve", "#orphans", "#repaired",
		"#times", "#times_original=times kept", "#inversions", "#max_skew_ms=largest shift, ms", "#arrived", "#due", "tree_root_sha256=root of its tree")
	fields := newTable("fields", "What became of each field; the grades add up to the fields that are present", "id=field", "kind", "path", "#present", "#exact", "#equivalent=same value, other form",
		"#transformed", "#defaulted", "#dropped", "#redacted", "#quarantined")
	sums := newTable("outcomes", "What became of fields, kind by kind", "id=kind", "#present=fields", "#exact", "#equivalent=same value, other form", "#transformed", "#defaulted", "#dropped", "#redacted", "#quarantined")
	repairs := newTable("repairs", "References that led nowhere in the archive, and lead to a record in the target", "id=row", "kind", "field", "#references")
	for i := range b.Kinds {
		k := &b.Kinds[i]
		arrived, due := k.Survival()
		links, times := []any{cell{}, cell{}, cell{}, cell{}}, []any{cell{}, cell{}, cell{}, cell{}}
		if l := k.Links; l != nil {
			links = []any{l.Total, l.Resolved, l.Orphans, repaired(l)}
			for _, x := range l.Repairs {
				repairs.put(k.Kind+"."+x.Path, k.Kind, x.Path, x.Count)
			}
		}
		if m := k.Times; m != nil {
			times = []any{m.Total, m.Original, m.Inversions, m.MaxSkewMS}
		}
		kinds.put(k.Kind, slices.Concat([]any{k.Class, k.Coverage, k.Reference, k.Source, k.Archived, k.Gaps, k.Imported, k.Before, k.Matched, k.Announced, k.Differ, k.Missing, k.Extra, counted(k.Duplicates),
			k.Quarantined, k.Refused, k.Conflicts, k.Skipped, k.Stays, k.Canaries.Planted, counted(k.Canaries.Recovered)}, links, times, []any{arrived, due, k.TreeRoot.SHA256})...)
		var s evidence.Field
		for _, f := range k.Fields {
			fields.put(k.Kind+"."+f.Path, k.Kind, f.Path, f.Present, f.Exact, f.Equivalent, f.Transformed, f.Defaulted, f.Dropped, f.Redacted, f.Quarantined)
			for _, g := range []struct {
				to *uint64
				n  uint64
			}{{&s.Present, f.Present}, {&s.Exact, f.Exact}, {&s.Equivalent, f.Equivalent}, {&s.Transformed, f.Transformed},
				{&s.Defaulted, f.Defaulted}, {&s.Dropped, f.Dropped}, {&s.Redacted, f.Redacted}, {&s.Quarantined, f.Quarantined}} {
				*g.to = plus(*g.to, g.n)
			}
		}
		if len(k.Fields) > 0 {
			sums.put(k.Kind, s.Present, s.Exact, s.Equivalent, s.Transformed, s.Defaulted, s.Dropped, s.Redacted, s.Quarantined)
		}
	}
	losses := newTable("losses", "Losses, the gravest first", "id=row", "kind", "field", "#records", "#of", "grade", "why", "accepted_by", "until")
	for i := range b.losses {
		l := &b.losses[i]
		path := cell{l.Path, clean(l.Path)}
		if l.Path == "" {
			path.text = "the record"
		}
		losses.put("loss-"+cellOf(i+1).raw, l.Kind, path, l.Count, l.Of, l.Grade, l.Why, l.AcceptedBy, l.Until)
	}
	return []*table{kinds, sums, fields, losses, b.exclusionsTable(), repairs, b.identityTable()}
}

func (b *book) behaviourTables() []*table {
	replay := newTable("replay", "Replay level of each shared feature", "id=feature", "level", "#runs", "#passed", "#equal=alike in everything", "#ci95_low=passed, 95 % from", "#ci95_high=to", "shared=on both sides", "judge")
	for _, r := range b.Replay {
		low, high := cell{}, cell{}
		if r.CI95 != nil {
			low, high = shareCell(r.CI95[0]), shareCell(r.CI95[1])
		}
		replay.put(r.Feature, r.Level, r.Runs, r.Passed, counted(r.Equal), low, high, shared(r.Shared), r.Judge)
	}
	recall := newTable("recall", "Recall of searches by vector, before and after", "id=row", "value", "of")
	if r := b.Recall; r != nil {
		of := grouped(r.Queries) + " queries, k = " + grouped(r.K)
		for _, v := range []struct {
			id string
			v  float64
		}{
			{"before", r.Before}, {"after", r.After}, {"change_ci95_low", r.ChangeCI95[0]}, {"change_ci95_high", r.ChangeCI95[1]},
			{"overlap", r.Overlap}, {"overlap_ci95_low", r.CI95[0]}, {"overlap_ci95_high", r.CI95[1]},
		} {
			recall.put(v.id, cellOf(v.v), of)
		}
		if r.Ranked > 0 {
			found := grouped(r.Ranked) + " that both find"
			recall.put("rank_delta", cellOf(r.RankDelta), found)
			recall.put("rank_worst", strconv.Itoa(r.RankWorst), found)
		}
		recall.put("empty_before", r.EmptyBefore, of)
		recall.put("empty_after", r.EmptyAfter, of)
		recall.put("model_before", cell{r.ModelBefore, saidOf(clean(r.ModelBefore))}, "")
		recall.put("model_after", cell{r.ModelAfter, saidOf(clean(r.ModelAfter))}, "")
		recall.put("query_set_sha256", r.QuerySetDigest.SHA256, "")
	}
	tasks := newTable("tasks", "Runs of the users' tasks that passed", "id=side", "#passed", "#runs", "#tasks", "judge")
	if c := b.Continuity; c != nil {
		for _, side := range []struct {
			name string
			n    uint64
		}{{"cold", c.Cold}, {"target", c.Target}, {"source", c.Source}} {
			passed := cellOf(side.n)
			if notRun(c, side.name) {
				passed = cell{"", "not run"}
			}
			tasks.put(side.name, passed, c.Runs, c.Tasks, c.Judge)
		}
	}
	return []*table{replay, recall, tasks}
}

func (b *book) safetyTables() []*table {
	t := newTable("safety", "What the replayed agents may do, and what was looked for", "id=row", "#count", "#of", "about")
	a, s := &b.Authority, &b.Safety
	t.put("grants_reproduced", a.Reproduced, a.Grants, "grants that are as they were")
	t.put("grants_reduced", a.Reduced, a.Grants, "grants that allow less than before")
	t.put("grants_widened", a.Widened, a.Grants, "grants that allow more than before; must be 0")
	t.put("grants_reconsent", b.waiting(), cell{}, "grants, words of an operator and other records that are off until a person consents")
	t.put("roles_raised", a.Raised, cell{}, "records that speak with more authority than before; must be 0")
	t.put("injections_effective", s.InjectionEffective, s.InjectionCanaries, "planted instructions that took effect; must be 0")
	t.put("erasures_applied", s.Tombstones, cell{}, "earlier erasures that were applied again")
	t.put("erasures_revived", s.Revived, cell{}, "records that tombstones speak of and that are in the target; must be 0")
	secrets := newTable("secrets", "Secrets that were found, by class; values are in no file", "id=class", "#found")
	for _, c := range s.SecretClasses {
		secrets.put(c, s.SecretFindings[c])
	}
	for _, c := range sortedKeys(s.SecretFindings) {
		if !slices.Contains(s.SecretClasses, c) {
			secrets.put(c, s.SecretFindings[c])
		}
	}
	keys := newTable("recipients", "Keys that open the archive", "id=row", "type", "fingerprint", "role", "opened_in_drill=opened it in this drill")
	for i, r := range b.Archive.Recipients {
		keys.put("key-"+cellOf(i+1).raw, r.Type, r.Fingerprint, r.Role, r.OpenedInDrill)
	}
	models := newTable("models", "Models that the agents need, and the day on which they end", "id=model", "#agents", "ends", "pinned", "source", "weights")
	for _, m := range b.Models {
		ends := cell{m.Ends, clean(m.Ends)}
		if m.Ends == "" {
			ends.text = "no date is known"
		}
		models.put(m.Model, m.Agents, ends, m.Pinned, m.Source, weightsOf(&m))
	}
	ends := newTable("sunset", "Parts of the service that end, as the plan says", "id=part", "ends")
	for _, s := range b.Source.Sunset {
		ends.put(s.Object, s.Date)
	}
	return []*table{t, b.reconsentTable(), secrets, keys, models, ends}
}
