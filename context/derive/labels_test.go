package derive_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/derive"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A record has several labels of one name: each is compared, and what a label is not, none of them is.
func TestWhereLabels(t *testing.T) {
	r := &pb.Memory{Meta: &pb.Meta{Key: "memory/a", Labels: []*pb.Label{{Name: "topic", Value: "billing"}, {Name: "topic", Value: "refunds"}, {Name: "tier", Value: "Gold"}, {Name: "day", Value: "2026-01-05"}}}}
	for expression, want := range map[string]bool{
		`labels.topic == "billing"`:                         true,
		`labels.topic == "refunds"`:                         true,
		`"billing" == labels["topic"]`:                      true,
		`labels?.topic == "billing"`:                        true,
		`labels.topic == "other"`:                           false,
		`labels.topic != "billing"`:                         false,
		`labels.topic != "other"`:                           true,
		`labels.topic in ["other", "billing"]`:              true,
		`labels.topic not in ["other", "billing"]`:          false,
		`labels.topic matches "^bill"`:                      true,
		`labels.topic startsWith "bill"`:                    true,
		`labels.topic endsWith "ling"`:                      true,
		`labels.topic contains "illi"`:                      true,
		`any(["billing", "x"], labels.topic == #)`:          true,
		`"topic" in labels`:                                 true,
		`"none" in labels`:                                  false,
		`labels.none == ""`:                                 true,
		`labels.none != "x"`:                                true,
		`labels.none == nil`:                                false,
		`labels.none in ["x"]`:                              false,
		`lower(labels.tier) == "gold"`:                      true,
		`labels.topic + labels.tier == "refundsGold"`:       true,
		`labels.day >= "2026-01-05" && labels.day < "2027"`: true,
		`labels.tier == labels.topic`:                       false,
	} {
		keep, err := derive.Where(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := keep(r); err != nil || got != want {
			t.Errorf("%s: %t %v, want %t", expression, got, err, want)
		}
	}
	for _, bad := range []string{`labels.topic == 5`, `labels.topic matches "("`, `labels.topic`} {
		if _, err := derive.Where(bad); err == nil {
			t.Errorf("%q is no condition", bad)
		}
	}
}

// A pattern is compiled once, and not for each record.
func TestWherePatternOnce(t *testing.T) {
	r := &pb.Memory{Meta: &pb.Meta{Key: "memory/a", Labels: []*pb.Label{{Name: "topic", Value: "billing"}}}}
	allocs := func(expression string) float64 {
		keep, err := derive.Where(expression)
		if err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(100, func() {
			if ok, err := keep(r); !ok || err != nil {
				t.Error(ok, err)
			}
		})
	}
	if with, without := allocs(`labels.topic matches "^bill(ing|s)?[a-z]*$"`), allocs(`labels.topic startsWith "bill"`); with > without+5 {
		t.Errorf("%v allocations, %v without a pattern", with, without)
	}
}
