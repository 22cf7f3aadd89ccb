package agentcore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	ctypes "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"
	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/loadtest"
)

const at0 = int64(1_700_000_000_123)

func blob(v any) types.PayloadType {
	return &types.PayloadTypeMemberBlob{Value: document.NewLazyDocument(v)}
}

func jsonData(v any) types.PayloadType {
	return &types.PayloadTypeMemberJson{Value: types.MemoryJsonData{Content: document.NewLazyDocument(v)}}
}

// plain is a memory without strategies.
func (w *world) plain(t testing.TB, name string) string {
	t.Helper()
	return *must(w.cp.CreateMemory(context.Background(), &cp.CreateMemoryInput{Name: &name, EventExpiryDuration: aws.Int32(30)}))(t).Memory.Id
}

// records writes memory records through the SDK.
func (w *world) records(t testing.TB, mem string, in ...types.MemoryRecordCreateInput) {
	t.Helper()
	for i := range in {
		in[i].RequestIdentifier = aws.String(fmt.Sprint("r", i))
		if in[i].Timestamp == nil {
			in[i].Timestamp = aws.Time(time.UnixMilli(at0))
		}
	}
	o := must(w.dp.BatchCreateMemoryRecords(t.Context(), &dp.BatchCreateMemoryRecordsInput{MemoryId: &mem, Records: in}))(t)
	if len(o.FailedRecords) > 0 {
		t.Fatalf("not written: %v", jsonOf(o.FailedRecords))
	}
}

func record(strategy, ns, text string) types.MemoryRecordCreateInput {
	r := types.MemoryRecordCreateInput{Namespaces: []string{ns}, Content: &types.MemoryContentMemberText{Value: text}}
	if strategy != "" {
		r.MemoryStrategyId = &strategy
	}
	return r
}

// all is what the SDK reads of a memory, without what the service makes: ids, and dates of the copy.
// The ids of strategies are their names, and a branch starts at the place of its event.
func (w *world) all(t testing.TB, mem string) string {
	t.Helper()
	var out strings.Builder
	m := must(w.cp.GetMemory(t.Context(), &cp.GetMemoryInput{MemoryId: &mem}))(t).Memory
	var ids []string
	slices.SortFunc(m.Strategies, func(a, b ctypes.MemoryStrategy) int { return strings.Compare(*a.Name, *b.Name) })
	for _, s := range m.Strategies {
		ids = append(ids, *s.StrategyId, "{"+*s.Name+"}")
		//lint:ignore SA1019 memories of before have it, and the service answers with it
		fmt.Fprintf(&out, "strategy %s %s %s %s %s %v %s %s\n", *s.Name, s.Type, aws.ToString(s.Description), s.Namespaces, s.NamespaceTemplates, aws.ToInt32(s.RecordExpiryDurationDays), jsonOf(s.Configuration), jsonOf(s.MemoryRecordSchema))
	}
	fmt.Fprintf(&out, "memory %s %s %d %s %s\n", *m.Name, aws.ToString(m.Description), *m.EventExpiryDuration, jsonOf(m.IndexedKeys), jsonOf(m.NamespaceKeys))
	named := strings.NewReplacer(ids...)
	actors := dp.NewListActorsPaginator(w.dp, &dp.ListActorsInput{MemoryId: &mem})
	for actors.HasMorePages() {
		for _, a := range must(actors.NextPage(t.Context()))(t).ActorSummaries {
			sessions := dp.NewListSessionsPaginator(w.dp, &dp.ListSessionsInput{MemoryId: &mem, ActorId: a.ActorId})
			for sessions.HasMorePages() {
				for _, s := range must(sessions.NextPage(t.Context()))(t).SessionSummaries {
					fmt.Fprintf(&out, "session %s %s\n", *a.ActorId, *s.SessionId)
					w.session(t, &out, mem, *a.ActorId, *s.SessionId)
				}
			}
		}
	}
	var recs []string
	list := dp.NewListMemoryRecordsPaginator(w.dp, &dp.ListMemoryRecordsInput{MemoryId: &mem, NamespacePath: aws.String("/")})
	for list.HasMorePages() {
		for _, r := range must(list.NextPage(t.Context()))(t).MemoryRecordSummaries {
			recs = append(recs, named.Replace(fmt.Sprintf("record %s %s %s %s %s", jsonOf(r.Content), r.Namespaces, *r.MemoryStrategyId, r.Timestamp.UTC(), jsonOf(r.Metadata))))
		}
	}
	slices.Sort(recs)
	return out.String() + strings.Join(recs, "\n")
}

func (w *world) session(t testing.TB, out *strings.Builder, mem, actor, id string) {
	var es []types.Event
	pages := dp.NewListEventsPaginator(w.dp, &dp.ListEventsInput{MemoryId: &mem, ActorId: &actor, SessionId: &id})
	for pages.HasMorePages() {
		es = append(es, must(pages.NextPage(t.Context()))(t).Events...)
	}
	slices.Reverse(es)
	place := map[string]int{}
	for i, e := range es {
		place[*e.EventId] = i
		root := -1
		if e.Branch.RootEventId != nil {
			root = place[*e.Branch.RootEventId]
		}
		var ps []string
		for _, p := range e.Payload {
			switch p := p.(type) {
			case *types.PayloadTypeMemberConversational:
				ps = append(ps, string(p.Value.Role)+" "+p.Value.Content.(*types.ContentMemberText).Value)
			case *types.PayloadTypeMemberBlob:
				ps = append(ps, "blob "+text(t, p.Value))
			case *types.PayloadTypeMemberJson:
				ps = append(ps, "json "+text(t, p.Value.Content))
			}
		}
		fmt.Fprintf(out, "  %s %s %d %q %s\n", e.EventTimestamp.UTC(), *e.Branch.Name, root, ps, jsonOf(e.Metadata))
	}
}

func text(t testing.TB, d document.Interface) string {
	if d == nil {
		return "null"
	}
	return string(must(d.MarshalSmithyDocument())(t))
}

// Shapes of real memories, one by one: exported, replayed into an empty account, read back, and what
// the official SDK reads of the copy is what it reads of the source.
func TestShapes(t *testing.T) {
	t.Parallel()
	page := loadtest.Of(10, 100) // of the service, where there is more than one
	for name, fill := range map[string]func(t *testing.T, w *world) string{
		"every strategy": everyStrategy,
		"branches of branches": func(t *testing.T, w *world) string {
			mem := w.plain(t, "tree")
			from := func(id string, name string) *types.Branch { return &types.Branch{Name: &name, RootEventId: &id} }
			one := w.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "1"))
			two := w.event(t, mem, "ada", "s", at0+10, nil, say(types.RoleAssistant, "2"))
			a := w.event(t, mem, "ada", "s", at0+20, from(one, "a"), say(types.RoleAssistant, "a2"))
			aa := w.event(t, mem, "ada", "s", at0+30, from(a, "a-a"), say(types.RoleUser, "a-a3"))
			w.event(t, mem, "ada", "s", at0+40, from(aa, "a-a-a"), say(types.RoleUser, "a-a-a4"))
			w.event(t, mem, "ada", "s", at0+50, &types.Branch{Name: aws.String("a")}, say(types.RoleUser, "a3"))
			w.event(t, mem, "ada", "s", at0+60, from(two, "b"), say(types.RoleUser, "b3"))
			w.event(t, mem, "ada", "s", at0+70, nil, say(types.RoleUser, "3"))
			w.event(t, mem, "ada", "s", at0+80, from(one, "c"), say(types.RoleUser, "c2"))
			return mem
		},
		"blobs of every type": func(t *testing.T, w *world) string {
			mem := w.plain(t, "blobs")
			for i, v := range []any{"text", "", 7, -1.5, 1e21, 9007199254740993, true, false, []any{}, []any{1, nil, "x", []any{map[string]any{}}}, map[string]any{}, map[string]any{"a": map[string]any{"b": []any{nil}}, "ключ": "値 🚚 <&>\u2028"}, nil} {
				w.event(t, mem, "ada", "blob", at0+int64(i), nil, blob(v))
				w.event(t, mem, "ada", "json", at0+int64(i), nil, jsonData(v))
			}
			return mem
		},
		"payloads mixed": func(t *testing.T, w *world) string {
			mem := w.plain(t, "mixed")
			w.event(t, mem, "ada", "s", at0, nil, blob("before"), say(types.RoleUser, "a"), say(types.RoleUser, "b"), blob(map[string]any{"step": 1}), say(types.RoleAssistant, "c"), jsonData([]any{1}), say(types.RoleTool, "d"), say(types.RoleOther, "e"), say(types.RoleAssistant, "f"))
			w.event(t, mem, "ada", "s", at0+1, nil, say(types.RoleAssistant, " \n"), say(types.RoleAssistant, "\x00 nul \u202e"))
			w.event(t, mem, "ada", "s", at0+2, nil)
			var hundred []types.PayloadType
			for i := range 100 {
				hundred = append(hundred, say([]types.Role{types.RoleUser, types.RoleAssistant}[i%2], fmt.Sprint(i)))
			}
			w.event(t, mem, "ada", "s", at0+3, nil, hundred...)
			return mem
		},
		"more than a page": func(t *testing.T, w *world) string {
			mem := w.plain(t, "pages")
			var in []types.MemoryRecordCreateInput
			for i := range 2*page + 5 {
				w.event(t, mem, "ada", "long", at0+int64(i), nil, say(types.RoleUser, fmt.Sprint(i)))
			}
			for i := range page + 5 {
				w.event(t, mem, fmt.Sprintf("a%03d", i), "s", at0, nil, say(types.RoleUser, "hello"))
				w.event(t, mem, "ada", fmt.Sprintf("s%03d", i), at0, nil, say(types.RoleUser, "hello"))
			}
			for i := range 100 {
				in = append(in, record("", "/n/"+fmt.Sprint(i%3), fmt.Sprint("fact ", i)))
			}
			w.records(t, mem, in...)
			w.records(t, mem, in...) // the same again: two records of one content are two
			return mem
		},
		"metadata": func(t *testing.T, w *world) string {
			mem := w.plain(t, "meta")
			md := map[string]types.MetadataValue{}
			for i := range 15 {
				md[fmt.Sprint("k ", i, " ._:/=+@-")] = &types.MetadataValueMemberStringValue{Value: strings.Repeat("v", i*17)}
			}
			must(w.dp.CreateEvent(t.Context(), &dp.CreateEventInput{MemoryId: &mem, ActorId: aws.String("ada"), SessionId: aws.String("s"), EventTimestamp: aws.Time(time.UnixMilli(at0)), Payload: []types.PayloadType{say(types.RoleUser, "x")}, Metadata: md}))(t)
			must(w.dp.CreateEvent(t.Context(), &dp.CreateEventInput{MemoryId: &mem, ActorId: aws.String("ada"), SessionId: aws.String("s"), EventTimestamp: aws.Time(time.UnixMilli(at0 + 1)), Payload: []types.PayloadType{say(types.RoleUser, "none")}}))(t)
			r := record("", "/m", "x")
			r.Metadata = map[string]types.MemoryRecordMetadataValue{
				"text": &types.MemoryRecordMetadataValueMemberStringValue{Value: "chat"}, "list": &types.MemoryRecordMetadataValueMemberStringListValue{Value: []string{"a", "b", "a"}},
				"number": &types.MemoryRecordMetadataValueMemberNumberValue{Value: -0.1}, "big": &types.MemoryRecordMetadataValueMemberNumberValue{Value: 1e300},
				"date": &types.MemoryRecordMetadataValueMemberDateTimeValue{Value: time.UnixMilli(at0)},
			}
			w.records(t, mem, r, record("", "/m", "none"))
			return mem
		},
		"namespaces": func(t *testing.T, w *world) string {
			mem := w.memory(t, "spaces")
			m := must(w.cp.GetMemory(t.Context(), &cp.GetMemoryInput{MemoryId: &mem}))(t).Memory
			facts, digest, mine := *m.Strategies[0].StrategyId, *m.Strategies[1].StrategyId, *m.Strategies[2].StrategyId
			var in []types.MemoryRecordCreateInput
			for _, actor := range []string{"ada", "team/b:eu", "a", "x-_9"} {
				w.event(t, mem, actor, "s", at0, nil, say(types.RoleUser, "hi"))
				in = append(in, record(facts, "/facts/"+actor+"/", "f "+actor), record(digest, "/strategies/"+digest+"/actors/"+actor+"/sessions/s/", "d "+actor), record(mine, "/mine/"+actor, "m "+actor))
			}
			in = append(in, record(facts, "/elsewhere", "under another path than its template"), record("", "no/slash/first", "x"), record("", "/", "root"))
			w.records(t, mem, in...)
			return mem
		},
		"huge": func(t *testing.T, w *world) string {
			mem := w.plain(t, "huge")
			w.hold = 512 << 10 // its session waits in a file
			long := say(types.RoleUser, strings.Repeat("é", 100_000))
			w.event(t, mem, "ada", "s", at0, nil, long, long)
			for i := range 2 {
				w.event(t, mem, "ada", "s", at0+1+int64(i), nil, long, blob(strings.Repeat("x", 256<<10)))
			}
			w.records(t, mem, record("", "/h", strings.Repeat("字", 16000)))
			return mem
		},
		"odd times": func(t *testing.T, w *world) string {
			mem := w.plain(t, "times")
			for i, ms := range []int64{1, 999, 1_000, 951_782_400_000, 4_102_444_800_000, 1_700_000_000_001} {
				w.event(t, mem, "ada", fmt.Sprint("s", i), ms, nil, say(types.RoleUser, "x"))
				r := record("", "/t", fmt.Sprint(ms))
				r.Timestamp = aws.Time(time.UnixMilli(ms))
				w.records(t, mem, r)
			}
			return mem
		},
		"tags": func(t *testing.T, w *world) string {
			return *must(w.cp.CreateMemory(t.Context(), &cp.CreateMemoryInput{Name: aws.String("tagged"), EventExpiryDuration: aws.Int32(3), Tags: map[string]string{"team": "shop", "cost": "7"}}))(t).Memory.Id
		},
		"a branch whose root is gone": func(t *testing.T, w *world) string {
			mem := w.plain(t, "orphan")
			w.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "1"))
			gone := w.event(t, mem, "ada", "s", at0+10, nil, say(types.RoleUser, "2"))
			w.event(t, mem, "ada", "s", at0+20, &types.Branch{Name: aws.String("b"), RootEventId: &gone}, say(types.RoleUser, "b"))
			must(w.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &mem, ActorId: aws.String("ada"), SessionId: aws.String("s"), EventId: &gone}))(t)
			return mem
		},
		"an empty memory": func(t *testing.T, w *world) string { return w.memory(t, "empty") },
		"a key and a role": func(t *testing.T, w *world) string {
			return *must(w.cp.CreateMemory(t.Context(), &cp.CreateMemoryInput{Name: aws.String("sealed"), EventExpiryDuration: aws.Int32(365), EncryptionKeyArn: aws.String("arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"),
				MemoryExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/mem")}))(t).Memory.Id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := newWorld(t, agentcorefake.Options{PageCap: page}), newWorld(t, agentcorefake.Options{Account: "999999999999", PageCap: page})
			mem := fill(t, src)
			st, rep := read(t, src.service(""))
			if rep.Verdict.Coverage != agentstate.Listed && !strings.HasPrefix(rep.Verdict.Kinds["memory"].Why, "none seen") {
				t.Errorf("%s %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
			}
			plan := must(replay.Plan(t.Context(), dst.service(""), st, nil))(t)
			out, j := apply(t, dst.service(""), st)
			if d := cmp.Diff(plan.LossCount, out.LossCount); d != "" {
				t.Errorf("the plan says other losses than the run:\n%s", d)
			}
			if n := out.Actions[replay.Refused] + out.Actions[replay.Conflict] + out.Actions[replay.Held]; n > 0 {
				t.Fatalf("%d not written: %v %v", n, out.Refused, out.Conflicts)
			}
			back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
			if err != nil {
				t.Fatal(err)
			}
			if back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
				t.Errorf("read back: %d of %d, missing %v, extra %v, losses %.2000v", back.Same+back.Announced, back.Records, back.Missing, back.Extra, back.Losses)
			}
			copied := dst.only(t, mem[:strings.LastIndexByte(mem, '-')])
			if a, b := src.all(t, mem), dst.all(t, copied); a != b {
				t.Errorf("%.6000s\nbecomes\n%.6000s", a, b)
			}
			again, _ := apply(t, dst.service(""), st)
			if again.Actions[replay.Created] > 0 {
				t.Errorf("again: %v", again.Kinds)
			}
			if left, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || left.LeftN > 0 {
				t.Errorf("undo: %v %v", err, left)
			}
		})
	}
}

// everyStrategy is a memory of six strategies: the four of the service, a custom one, and one that its
// owner runs himself; with schemas, keys and expiry.
func everyStrategy(t *testing.T, w *world) string {
	days := func(n int32) ctypes.RecordExpirySpecification {
		return &ctypes.RecordExpirySpecificationMemberRecordExpiryDurationDays{Value: n}
	}
	schema := &ctypes.MemoryRecordSchema{MetadataSchema: []ctypes.MetadataSchemaEntry{{Key: aws.String("topic"), Type: ctypes.MetadataValueTypeString}}}
	model := aws.String("eu.amazon.nova-lite-v1:0")
	o := must(w.cp.CreateMemory(t.Context(), &cp.CreateMemoryInput{Name: aws.String("all"), EventExpiryDuration: aws.Int32(3), Description: aws.String("Ü <&>"),
		IndexedKeys: []ctypes.IndexedKey{{Key: aws.String("topic"), Type: ctypes.MetadataValueTypeString}}, NamespaceKeys: []ctypes.NamespaceKeyEntry{{Key: aws.String("tenant")}},
		MemoryStrategies: []ctypes.MemoryStrategyInput{
			&ctypes.MemoryStrategyInputMemberSemanticMemoryStrategy{Value: ctypes.SemanticMemoryStrategyInput{Name: aws.String("facts"), RecordExpirySpecification: days(31), MemoryRecordSchema: schema}},
			//lint:ignore SA1019 memories of before have it, and the service answers with it
			&ctypes.MemoryStrategyInputMemberSummaryMemoryStrategy{Value: ctypes.SummaryMemoryStrategyInput{Name: aws.String("digest"), Namespaces: []string{"/old/{actorId}/{sessionId}"}}},
			&ctypes.MemoryStrategyInputMemberUserPreferenceMemoryStrategy{Value: ctypes.UserPreferenceMemoryStrategyInput{Name: aws.String("likes"), Description: aws.String("what they like"), NamespaceTemplates: []string{"/likes/{actorId}"}}},
			&ctypes.MemoryStrategyInputMemberEpisodicMemoryStrategy{Value: ctypes.EpisodicMemoryStrategyInput{Name: aws.String("episodes"), NamespaceTemplates: []string{"/ep/{actorId}/{sessionId}"}, RecordExpirySpecification: days(400),
				ReflectionConfiguration: &ctypes.EpisodicReflectionConfigurationInput{NamespaceTemplates: []string{"/ep/{actorId}"}, MemoryRecordSchema: schema}}},
			&ctypes.MemoryStrategyInputMemberCustomMemoryStrategy{Value: ctypes.CustomMemoryStrategyInput{Name: aws.String("mine"), NamespaceTemplates: []string{"/mine/{actorId}"}, Configuration: &ctypes.CustomConfigurationInputMemberEpisodicOverride{
				Value: ctypes.EpisodicOverrideConfigurationInput{Extraction: &ctypes.EpisodicOverrideExtractionConfigurationInput{AppendToPrompt: aws.String("Only \"allergies\" <b>."), ModelId: model},
					Consolidation: &ctypes.EpisodicOverrideConsolidationConfigurationInput{AppendToPrompt: aws.String("Keep all."), ModelId: model},
					Reflection:    &ctypes.EpisodicOverrideReflectionConfigurationInput{AppendToPrompt: aws.String("Reflect."), ModelId: model, NamespaceTemplates: []string{"/mine"}}}}}},
			&ctypes.MemoryStrategyInputMemberCustomMemoryStrategy{Value: ctypes.CustomMemoryStrategyInput{Name: aws.String("likings"), NamespaceTemplates: []string{"/likings/{actorId}"}, Configuration: &ctypes.CustomConfigurationInputMemberUserPreferenceOverride{
				Value: ctypes.UserPreferenceOverrideConfigurationInput{Extraction: &ctypes.UserPreferenceOverrideExtractionConfigurationInput{AppendToPrompt: aws.String("a"), ModelId: model}}}}},
		}}))(t)
	mem := *o.Memory.Id
	w.event(t, mem, "ada", "s", at0, nil, say(types.RoleUser, "hi"))
	var in []types.MemoryRecordCreateInput
	for i, s := range o.Memory.Strategies {
		r := record(*s.StrategyId, "/x/"+fmt.Sprint(i), "of "+*s.Name)
		r.Metadata = map[string]types.MemoryRecordMetadataValue{"topic": &types.MemoryRecordMetadataValueMemberStringValue{Value: "tea"}}
		in = append(in, r)
	}
	w.records(t, mem, in...)
	return mem
}
