package drill_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/drill"
)

const good = `name: q4
exercise: true
scenario: the provider ends
mode: planned
level: L3
source: langgraph+sqlite:a.db
archive: a.ctxa
target: langgraph+sqlite:b.db
output: out
`

func TestReadPlan(t *testing.T) {
	p, err := drill.ReadPlan(strings.NewReader(good + "targets: {rto: 90m, rpo: {memory: 7d}}\nnext_review: 2027-01-31\n"))
	if err != nil || p.Name != "q4" || time.Duration(p.Targets.RTO) != 90*time.Minute || time.Duration(p.Targets.RPO["memory"]) != 7*24*time.Hour || len(p.Digest()) != 64 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := drill.ReadPlan(strings.NewReader(drill.Example)); err != nil {
		t.Errorf("the example: %v", err)
	}
}

// TestReadPlanRefuses: a plan that does not say what a drill needs is refused with what it wants, and a
// key that is not known with its line.
func TestReadPlanRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, want string }{
		"unknown key":      {"output: out", "output: out\nouptut: x", "line 10: field ouptut not found"},
		"unknown, inside":  {"output: out", "output: out\nkeys:\n  sing: x", "line 11: field sing not found"},
		"no exercise":      {"exercise: true", "exercise: false", "exercise: want true"},
		"no scenario":      {"scenario: the provider ends", "scenario:", "scenario: what is rehearsed?"},
		"mode":             {"mode: planned", "mode: fast", `mode: want planned or stressed, got "fast"`},
		"level":            {"level: L3", "level: L6", `level: want L1 to L5, got "L6"`},
		"L5 is stressed":   {"level: L3", "level: L5", "L5 is a stressed exit"},
		"no source":        {"source: langgraph+sqlite:a.db", "", "source: a planned drill reads one"},
		"no archive":       {"archive: a.ctxa", "", "archive: which file?"},
		"no target":        {"target: langgraph+sqlite:b.db", "", "target: level L3 writes into one"},
		"archive at home":  {"archive: a.ctxa", "archive: ~/a.ctxa", "write the whole path"},
		"output at home":   {"output: out", "output: ~/out", "write the whole path"},
		"ledger at home":   {"output: out", "output: out\nledger: ~/drills.jsonl", "write the whole path"},
		"no output":        {"output: out", "", "output: which folder?"},
		"a path for name":  {"name: q4", "name: ../q4", "name: want letters"},
		"hidden name":      {"name: q4", "name: .q4", "name: want letters"},
		"name in short":    {"name: q4", "name: q4.Test-Result", "name: want another end than .test-result and .svr"},
		"tasks target":     {"output: out", "output: out\ntasks: {suite: 'promptfoo:s.yaml', target: [x]}\ntargets: {tasks: 90}", "targets.tasks"},
		"tasks of nothing": {"output: out", "output: out\ntargets: {tasks: 0.9}", "targets.tasks: of which tasks"},
		"survival":         {"output: out", "output: out\ntargets: {survival: 2}", "targets.survival"},
		"no list":          {"name: q4", "name: q4\nkinds: s3cret", "line 2: want a list, got a text"},
		"time":             {"output: out", "output: out\ntargets: {rto: soon}", `line 10: "soon" is no time`},
		"below a second":   {"output: out", "output: out\ntargets: {rto: 1ms}", "whole seconds"},
		"a bit of a day":   {"output: out", "output: out\ntargets: {rto: 0.000001d}", "whole seconds"},
		"days without end": {"output: out", "output: out\ntargets: {rto: .infd}", "is no time"},
		"day":              {"output: out", "output: out\nnext_review: tomorrow", `line 10: "tomorrow" is no day`},
		"kind":             {"output: out", "output: out\nkinds: [memories]", `kinds: no kind "memories"`},
		"promised":         {"output: out", "output: out\narrangement: {promised_kinds: [x]}", "promised_kinds"},
		"service type":     {"output: out", "output: out\narrangement: {service_type: cloud}", "want saas, paas or iaas"},
		"sunset":           {"output: out", "output: out\nprovider: {sunset: [{object: x}]}", "want an object and a date"},
		"no ground":        {"output: out", "output: out\narrangement: {exclusions: [{kind: memory}]}", "want a ground and a why"},
		"digest":           {"output: out", "output: out\narrangement: {contract_sha256: abc}", "64 hexadecimal digits"},
		"canary":           {"output: out", "output: out\ncanaries: [{contains: x}]", "canaries[0]: want a key or a kind"},
		"canary of a kind": {"output: out", "output: out\ncanaries: [{kind: memory}]", "canaries[0]: which memory?"},
		"accepted":         {"output: out", "output: out\naccepted_losses: [{kind: memory}]", "by whom and until when"},
		"finding":          {"output: out", "output: out\nfindings: [{id: F, text: t, state: new}]", "want open or closed"},
		"secrets":          {"output: out", "output: out\nsecrets: no", `secrets: want label`},
		"tasks":            {"output: out", "output: out\ntasks: {suite: x}", "tasks.target"},
		"password":         {"source: langgraph+sqlite:a.db", "source: langgraph+postgres://me:hunter2@h/d", "source: a password stands in it"},
		"password option":  {"target: langgraph+sqlite:b.db", "target: langgraph+postgres://h/d?password=hunter2", "target: a password stands in it"},
		"two targets":      {"output: out", "output: out\ninto: [{name: a, target: \"x:y\"}]", "target and into: want one of them"},
		"into":             {"target: langgraph+sqlite:b.db", "into: [{name: a, target: \"x:y\"}, {name: A, target: \"x:y\"}]", "into[1].name: want letters"},
		"into in short":    {"target: langgraph+sqlite:b.db", "into: [{name: a, target: \"x:y\"}, {name: a.svr, target: \"x:y\"}]", "into[1].name: want another end"},
		"into nothing":     {"target: langgraph+sqlite:b.db", "into: [{name: a}]", "into[0].target: which?"},
		"into a kind":      {"target: langgraph+sqlite:b.db", "into: [{name: a, target: \"x:y\", kinds: [x]}]", `into.kinds: no kind "x"`},
		"into a password":  {"target: langgraph+sqlite:b.db", "into: [{name: a, target: \"x://a:hunter2@h/d\"}]", "into[0].target: a password"},
		"accepted into":    {"output: out", "output: out\naccepted_losses: [{kind: memory, by: b, until: 2027-01-01, into: x}]", `no target "x"`},
		"two embedders":    {"output: out", "output: out\nembedder: {command: [x], url: \"http://h\"}", "embedder: want a command or a url"},
		"embedder's model": {"output: out", "output: out\nembedder: {url: \"http://h\"}", "give model and dimensions"},
		"embedder's key":   {"output: out", "output: out\nembedder: {url: \"http://h\", model: m, dimensions: 3, key: hunter2}", "embedder.key: want ${NAME}"},
		"logs":             {"output: out", "output: out\nlogs: {kinds: [run]}", "logs.days"},
		"metadata":         {"output: out", "output: out\nmetadata: [{kind: memory}]", "want a path, or why it is absent"},
		"metadata's path":  {"output: out", "output: out\nmetadata: [{kind: memory, path: colour}]", `memory has no field "colour"`},
		"register":         {"output: out", "output: out\nprovider: {register: {file: x}}", "want url and retrieved"},
		"erasure":          {"output: out", "output: out\nerasure: {asked: 2026-01-01}", "want scope, and keys"},
		"cassette":         {"output: out", "output: out\ntasks: {cassette: x}", "tasks.cassette: for which tasks?"},
		"two documents":    {"output: out", "output: out\n---\nname: x", "a second document"},
		"no YAML":          {"output: out", "output: [", "drill: plan"},
		"two things":       {"scenario: the provider ends\nmode: planned", "mode: slow", "scenario: what is rehearsed?"},
	} {
		_, err := drill.ReadPlan(strings.NewReader(strings.Replace(good, tc.old, tc.new, 1)))
		if !errors.Is(err, drill.ErrPlan) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error holds the password", name)
		}
	}
	if _, err := drill.ReadPlan(strings.NewReader(good + "# " + strings.Repeat("x", 1<<20))); !errors.Is(err, drill.ErrPlan) {
		t.Error(err)
	}
}

func TestExpand(t *testing.T) {
	env := map[string]string{"PW": "a@b/c d", "URL": "langgraph+postgres://h/d", "HOME": "/home/x"}
	get := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for in, want := range map[string]string{
		"langgraph+postgres://me:${PW}@h/d":       "langgraph+postgres://me:a%40b%2Fc%20d@h/d",
		"langgraph+postgres://h/d?password=${PW}": "langgraph+postgres://h/d?password=a%40b%2Fc%20d",
		"${URL}":                        "langgraph+postgres://h/d",
		"langgraph+sqlite:${HOME}/a.db": "langgraph+sqlite:/home/x/a.db",
		"plain":                         "plain",
	} {
		if got, err := drill.Expand(in, get); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"${NONE}", "${PW", "a${}b"} {
		if got, err := drill.Expand(in, get); !errors.Is(err, drill.ErrPlan) {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
}

// FuzzReadPlan: a plan that is read says what a drill needs, and holds no password.
func FuzzReadPlan(f *testing.F) {
	f.Add(good)
	f.Add(drill.Example)
	f.Add(strings.Replace(good, "a.db", "x?password=${P}", 1))
	f.Add("a: &a [*a]\n" + good)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := drill.ReadPlan(strings.NewReader(s))
		if err != nil {
			if !errors.Is(err, drill.ErrPlan) {
				t.Fatal(err)
			}
			return
		}
		if !p.Exercise || p.Archive == "" || p.Output == "" || strings.ContainsAny(p.Name, "/\\") {
			t.Fatalf("%+v", p)
		}
	})
}
