package main

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"
)

// No record is likelier than another: over many seeds each of 50 is drawn about as often, whatever
// its place.
func TestDrawer(t *testing.T) {
	const seeds, records, n = 4000, 50, 10
	hits := map[string]int{}
	for s := range seeds {
		d := &drawer{seed: fmt.Sprint(s), n: n, by: map[string]*stratum{}}
		for i := range records {
			key := fmt.Sprintf("memory/%d", i)
			d.take("", key, func() drawn { return drawn{Key: key} })
		}
		rows := d.by[""].cut(n)
		if len(rows) != n || d.by[""].seen != records {
			t.Fatalf("drew %d of %d", len(rows), d.by[""].seen)
		}
		once := map[string]bool{}
		for _, r := range rows {
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
	back := &drawer{seed: "s", n: n, by: map[string]*stratum{}}
	forth := &drawer{seed: "s", n: n, by: map[string]*stratum{}}
	for i := range records {
		for d, j := range map[*drawer]int{forth: i, back: records - 1 - i} {
			d.take("", fmt.Sprint(j), func() drawn { return drawn{Key: fmt.Sprint(j)} })
		}
	}
	for i := range n {
		if x, y := back.by[""].cut(n)[i], forth.by[""].cut(n)[i]; x != y {
			t.Fatalf("%v, and %v", x, y)
		}
	}
}

// A large sample takes no more work a record than a small one: what is drawn is not moved for each that comes.
func TestDrawerLarge(t *testing.T) {
	const records = 40_000
	draw := func(n int) time.Duration {
		d := &drawer{seed: "s", n: n, by: map[string]*stratum{}}
		begun := time.Now()
		for i := range records {
			d.take("", strconv.Itoa(i), func() drawn { return drawn{} })
		}
		if got := len(d.by[""].cut(n)); got != n {
			t.Fatalf("drew %d, want %d", got, n)
		}
		return time.Since(begun)
	}
	if small, large := draw(100), draw(20_000); large > 20*small+time.Second {
		t.Errorf("%d records took %v for a sample of 100, and %v for one of 20,000", records, small, large)
	}
}
