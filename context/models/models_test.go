package models_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/models"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type list []agentstate.Record

func (l list) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for _, r := range l {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestList(t *testing.T) {
	meta := func(key, on string) *pb.Meta {
		m := &pb.Meta{Key: key}
		if on != "" {
			m.CreatedUnixNano = day(on).UnixNano()
		}
		return m
	}
	dates, err := models.ReadDates(strings.NewReader(`{"as_of": "2026-10-01", "models": [
		{"provider": "openai", "retires": "2027-01-14", "ids": ["gpt-4o", "gpt-old"], "source": "https://example.com/list"},
		{"provider": "anthropic", "retires": "2026-12-31", "ids": ["claude-x"], "source": "https://example.com/list"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := models.List(t.Context(), list{
		&pb.Model{Meta: meta("model/1", ""), Provider: "openai", RequestedId: "gpt-4o", ServedId: "gpt-4o-2024-08-06", Region: "eu"},
		&pb.Model{Meta: meta("model/2", ""), Provider: "bedrock", RequestedId: "claude-x"}, // a cloud that sets dates of its own
		&pb.Model{Meta: meta("model/3", ""), RequestedId: "own-1", RetiresUnixNano: day("2026-11-30").UnixNano(), RetiresBasis: "the API's shutdown_date"},
		&pb.Agent{Meta: meta("agent/a", ""), ModelKey: "model/1"},
		&pb.Agent{Meta: meta("agent/b", ""), ModelKey: "model/3"},
		&pb.MemorySpace{Meta: meta("memoryspace/1", ""), EmbeddingModel: "text-embedding-3-small"},
		&pb.Message{Meta: meta("message/1", "2026-01-05"), Model: "gpt-old"},
		&pb.Message{Meta: meta("message/2", "2026-09-05"), Model: "gpt-4o-2024-08-06"},
		&pb.Run{Meta: meta("run/1", "2026-09-06"), ModelKey: "model/2"},
		&pb.Embedding{Meta: meta("embedding/1", ""), Model: "text-embedding-3-small"},
	}, dates)
	if err != nil {
		t.Fatal(err)
	}
	read := "https://example.com/list, read 2026-10-01"
	want := []models.Use{
		{ID: "own-1", Agents: []string{"agent/b"}, Live: true, Retires: day("2026-11-30"), RetiresBasis: "the API's shutdown_date"},
		{Provider: "openai", ID: "gpt-4o", Served: []string{"gpt-4o-2024-08-06"}, Region: "eu", Agents: []string{"agent/a"}, Live: true, Retires: day("2027-01-14"), RetiresBasis: read},
		{Provider: "bedrock", ID: "claude-x", Runs: 1, LastUsed: day("2026-09-06"), Live: true},
		{ID: "gpt-4o-2024-08-06", Pinned: true, Messages: 1, LastUsed: day("2026-09-05"), Live: true},
		{ID: "text-embedding-3-small", Spaces: 1, Embeddings: 1, Live: true},
		{ID: "gpt-old", Messages: 1, LastUsed: day("2026-01-05"), Retires: day("2027-01-14"), RetiresBasis: read},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A model is known by whatever name it goes under, and what no record describes is named all the same.
func TestNames(t *testing.T) {
	dates, err := models.ReadDates(strings.NewReader(`{"as_of": "2026-10-01", "models": [
		{"provider": "openai", "retires": "2027-01-14", "ids": ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"], "source": "s"},
		{"provider": "google", "retires": "2027-02-01", "ids": ["gemini-x-001"], "source": "s"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	agent := func(n, key string) *pb.Agent { return &pb.Agent{Meta: &pb.Meta{Key: "agent/" + n}, ModelKey: key} }
	model := func(n string, m *pb.Model) *pb.Model {
		m.Meta = &pb.Meta{Key: "model/" + n}
		return m
	}
	got, err := models.List(t.Context(), list{
		agent("early", "model/1"), // before the record that it names
		model("1", &pb.Model{RequestedId: "openai:gpt-4o"}),
		model("2", &pb.Model{Provider: "OpenAI", RequestedId: "ft:gpt-4o-mini-2024-07-18:acme::x1"}), agent("tuned", "model/2"),
		model("3", &pb.Model{RequestedId: "models/gemini-x-001"}), agent("prefix", "model/3"),
		model("4", &pb.Model{Provider: "openai", RequestedId: "our-alias", ServedId: "gpt-4o-2024-08-06"}), agent("alias", "model/4"),
		model("5", &pb.Model{RequestedId: "azure/gpt-4o"}), agent("cloud", "model/5"), // which sets days of its own
		agent("gone", "model/gone-1"),
		model("6", &pb.Model{RequestedId: "regional", Region: "a", RetiresUnixNano: day("2026-12-05").UnixNano(), RetiresBasis: "a"}),
		model("7", &pb.Model{RequestedId: "regional", Region: "b", RetiresUnixNano: day("2026-12-01").UnixNano(), RetiresBasis: "b"}),
		model("8", &pb.Model{RequestedId: "regional", Region: "c", RetiresUnixNano: day("2026-12-09").UnixNano(), RetiresBasis: "c"}), agent("regions", "model/8"),
	}, dates)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, u := range got {
		on := "none"
		if !u.Retires.IsZero() {
			on = u.Retires.Format(time.DateOnly) + " " + u.RetiresBasis
		}
		pinned := map[bool]string{true: "pinned", false: "alias"}[u.Pinned]
		lines = append(lines, strings.Join([]string{u.ID, pinned, strings.Join(u.Agents, ","), on}, " "))
	}
	want := []string{
		"regional alias agent/regions 2026-12-01 b",
		"ft:gpt-4o-mini-2024-07-18:acme::x1 pinned agent/tuned 2027-01-14 its base gpt-4o-mini-2024-07-18: s, read 2026-10-01",
		"openai:gpt-4o alias agent/early 2027-01-14 s, read 2026-10-01",
		"our-alias alias agent/alias 2027-01-14 answered by gpt-4o-2024-08-06: s, read 2026-10-01",
		"models/gemini-x-001 pinned agent/prefix 2027-02-01 s, read 2026-10-01",
		"azure/gpt-4o alias agent/cloud none",
		"gone-1 alias agent/gone none",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
}

// What answered for a model last says when it ends, where its provider is known to be the one that says so.
func TestServed(t *testing.T) {
	dates, err := models.ReadDates(strings.NewReader(`{"as_of": "2026-10-01", "models": [
		{"provider": "openai", "retires": "2024-06-13", "ids": ["gpt-old-0613"], "source": "s"},
		{"provider": "openai", "retires": "2028-01-14", "ids": ["gpt-new-0125"], "source": "s"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	type served struct{ id, made, ran string }
	was, is, own := served{"gpt-old-0613", "2024-01-01", ""}, served{"gpt-new-0125", "2026-09-01", ""}, served{"a-model-of-ours", "2026-09-02", ""}
	for name, c := range map[string]struct {
		provider, id string
		by           []served
		want         string
	}{
		"the last record":        {"openai", "our-alias", []served{was, is}, "2028-01-14"},
		"in another order":       {"openai", "our-alias", []served{is, was}, "2028-01-14"},
		"the last run":           {"openai", "our-alias", []served{{was.id, was.made, "2026-09-05"}, {is.id, is.made, "2026-09-04"}}, "2024-06-13"},
		"none says when":         {"openai", "our-alias", []served{{is.id, "", ""}, {was.id, "", ""}}, "2024-06-13"},
		"nobody speaks of it":    {"openai", "our-alias", []served{was, own}, ""},
		"a deployment":           {"", "our-alias", []served{is}, ""},
		"a deployment of azure":  {"", "azure/gpt-new", []served{is}, ""},
		"provider before the id": {"", "openai/our-alias", []served{is}, "2028-01-14"},
		"an alias of the maker":  {"", "gpt-new", []served{is}, "2028-01-14"},
	} {
		t.Run(name, func(t *testing.T) {
			stamp := func(on string) int64 {
				if on == "" {
					return 0
				}
				return day(on).UnixNano()
			}
			var recs list
			for _, s := range c.by {
				recs = append(recs, &pb.Model{Meta: &pb.Meta{Key: "model/" + s.id, CreatedUnixNano: stamp(s.made)}, Provider: c.provider, RequestedId: c.id, ServedId: s.id})
				if s.ran != "" {
					recs = append(recs, &pb.Run{Meta: &pb.Meta{Key: "run/" + s.id}, ModelKey: "model/" + s.id, StartedUnixNano: stamp(s.ran)})
				}
			}
			got, err := models.List(t.Context(), recs, dates)
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			on := ""
			if !got[0].Retires.IsZero() {
				on = got[0].Retires.Format(time.DateOnly)
			}
			if on != c.want {
				t.Errorf("it ends %q, want %q", on, c.want)
			}
		})
	}
}

// The dates that a release carries parse, say when they were read, and each has a source.
func TestKnown(t *testing.T) {
	d, err := models.Known()
	if err != nil {
		t.Fatal(err)
	}
	if d.AsOf.IsZero() {
		t.Error("no day")
	}
	for _, bad := range []string{``, `{}`, `{"as_of":"soon"}`, `{"as_of":"2026-01-01","models":[{"retires":"2026-02-30","ids":["x"],"source":"y"}]}`,
		`{"as_of":"2026-01-01","models":[{"retires":"2026-02-01","ids":["x"]}]}`, `{"as_of":"2026-01-01","model":[]}`,
		`{"as_of":"2026-01-01"} {"as_of":"2026-01-02"}`} {
		if _, err := models.ReadDates(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is no list of dates", bad)
		}
	}
}

// Two providers serve a model of one name, each until a day of its own: what a list says of one hides nothing of the other.
func TestTwoProviders(t *testing.T) {
	read := func(s string) *models.Dates {
		d, err := models.ReadDates(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	src := list{
		&pb.Model{Meta: &pb.Meta{Key: "model/1"}, Provider: "openai", RequestedId: "gpt-4o"},
		&pb.Model{Meta: &pb.Meta{Key: "model/2"}, RequestedId: "azure/gpt-4o"},
		&pb.Model{Meta: &pb.Meta{Key: "model/3"}, RequestedId: "openai:gpt-4o"},
	}
	for name, c := range map[string]struct{ more, openai, azure string }{
		"another provider's": {`{"provider":"azure","retires":"2027-06-01","ids":["gpt-4o"],"source":"s"}`, "2027-01-14", "2027-06-01"},
		"nobody's":           {`{"retires":"2027-07-01","ids":["gpt-4o"],"source":"s"}`, "2027-07-01", "0001-01-01"},
		"the same, later":    {`{"provider":"OpenAI","retires":"2027-02-02","ids":["gpt-4o"],"source":"s"}`, "2027-02-02", "0001-01-01"},
	} {
		dates := read(`{"as_of": "2026-10-01", "models": [{"provider": "openai", "retires": "2027-01-14", "ids": ["gpt-4o"], "source": "s"}]}`)
		dates.Add(read(`{"as_of": "2026-11-01", "models": [` + c.more + `]}`))
		got, err := models.List(t.Context(), src, dates)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range got {
			want := c.openai
			switch {
			case u.ID == "azure/gpt-4o":
				want = c.azure
			case u.ID == "openai:gpt-4o" && name == "nobody's": // a prefix that no list knows
				want = "0001-01-01"
			}
			if day := u.Retires.Format(time.DateOnly); day != want {
				t.Errorf("%s: %s %s ends %s, want %s", name, u.Provider, u.ID, day, want)
			}
		}
	}
}

// Where the weights of a model are is said, each word once.
func TestWeights(t *testing.T) {
	said := func(key, where string) *pb.Model {
		return &pb.Model{Meta: &pb.Meta{Key: "model/" + key, Labels: []*pb.Label{{Name: "weights", Value: where}}}, RequestedId: "tuned"}
	}
	got, err := models.List(t.Context(), list{
		said("1", "kept by the provider"), said("2", "archived"), said("3", "archived"), said("4", ""),
		&pb.Model{Meta: &pb.Meta{Key: "model/5"}, RequestedId: "rented"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []models.Use{{ID: "rented"}, {ID: "tuned", Weights: []string{"archived", "kept by the provider"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
