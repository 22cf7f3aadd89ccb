package main

import (
	"fmt"
	"math"
	"testing"
)

// No record is likelier than another: over many seeds each of 50 is drawn about as often, whatever
// its place.
func TestDrawer(t *testing.T) {
	const seeds, records, n = 4000, 50, 10
	hits := map[string]int{}
	for s := range seeds {
		d := &drawer{seed: fmt.Sprint(s), n: n, by: map[string][]drawn{}, seen: map[string]uint64{}}
		for i := range records {
			key := fmt.Sprintf("memory/%d", i)
			d.take("", key, func() drawn { return drawn{Key: key} })
		}
		if len(d.by[""]) != n || d.seen[""] != records {
			t.Fatalf("drew %d of %d", len(d.by[""]), d.seen[""])
		}
		once := map[string]bool{}
		for _, r := range d.by[""] {
			if hits[r.Key]++; once[r.Key] {
				t.Fatalf("%s twice", r.Key)
			}
			once[r.Key] = true
		}
	}
	want := float64(seeds * n / records)
	for i := range records { // five standard deviations
		if got := float64(hits[fmt.Sprintf("memory/%d", i)]); math.Abs(got-want) > 5*math.Sqrt(want*(1-float64(n)/records)) {
			t.Errorf("record %d was drawn %v times, want about %v", i, got, want)
		}
	}
	// The order in which records come does not matter.
	back := &drawer{seed: "s", n: n, by: map[string][]drawn{}, seen: map[string]uint64{}}
	forth := &drawer{seed: "s", n: n, by: map[string][]drawn{}, seen: map[string]uint64{}}
	for i := range records {
		for d, j := range map[*drawer]int{forth: i, back: records - 1 - i} {
			d.take("", fmt.Sprint(j), func() drawn { return drawn{Key: fmt.Sprint(j)} })
		}
	}
	for i := range n {
		if back.by[""][i] != forth.by[""][i] {
			t.Fatalf("%v, and %v", back.by[""], forth.by[""])
		}
	}
}
