package embed

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Query is one search.
type Query struct {
	Text string
	// Expected are keys, in the first state, of records that an answer is to have; empty: not said.
	Expected []string
}

// ErrQueries: a file of queries cannot be used.
var ErrQueries = errors.New("embed: queries")

// MaxQueries is how many queries one measurement has at most.
const MaxQueries = 10_000

// ReadQueries reads a query a line: text, or JSON as {"query": …, "expected": [key, …]}.
func ReadQueries(r io.Reader) ([]Query, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	var out []Query
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" {
			continue
		}
		q := Query{Text: line}
		if line[0] == '{' {
			var x struct {
				Query    string   `json:"query"`
				Expected []string `json:"expected"`
			}
			d := json.NewDecoder(strings.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&x); err != nil || x.Query == "" {
				return nil, fmt.Errorf("%w: line %d: want a text, or {\"query\": TEXT, \"expected\": [KEY, …]}", ErrQueries, n)
			}
			q = Query{x.Query, x.Expected}
		}
		if !utf8.ValidString(q.Text) {
			return nil, fmt.Errorf("%w: line %d is not UTF-8", ErrQueries, n)
		}
		if out = append(out, q); len(out) > MaxQueries {
			return nil, fmt.Errorf("%w: more than %d", ErrQueries, MaxQueries)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQueries, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrQueries)
	}
	return out, nil
}

// RecallOptions are the options of Recall. The zero value searches for 100 sampled records, k 10.
type RecallOptions struct {
	K int // how many answers a search gives; 0: 10
	// Queries are given searches. With nil, N memories are drawn by Seed, and each one's own text is
	// searched for with its own vectors: that asks no embedder.
	Queries []Query
	N       int // 0: 100
	Seed    uint64
	// Before and After make the vectors of given Queries, with the model of their state; nil: that
	// state is not searched.
	Before, After Embedder
	// Key is the key in the second state of what is key in the first; nil: the same.
	Key func(key string) string
}

// Measure is what searches of one state found.
type Measure struct {
	Searched uint64  `json:"searched"` // queries that were made; 0: this state was not searched
	Empty    uint64  `json:"empty"`    // of these, how many found nothing
	Expected uint64  `json:"expected"` // queries that say what is expected: Recall is over these
	Recall   float64 `json:"recall"`   // mean share of what is expected that is among the first k
	Vectors  uint64  `json:"vectors"`  // that were searched
	Model    string  `json:"model"`    // of the vectors; empty: the state does not say
}

// RecallReport compares searches by vector in two states. The search is exact: what an approximate
// index loses comes on top.
type RecallReport struct {
	Queries  uint64  `json:"queries"`
	QuerySet string  `json:"query_set_sha256"` // over the queries, in their order
	Sampled  bool    `json:"sampled"`          // the queries are memories' own texts
	Seed     uint64  `json:"seed"`             // of the sample, and of the intervals
	K        uint64  `json:"k"`
	Before   Measure `json:"before"`
	After    Measure `json:"after"`
	// Overlap is the mean share of the first k of before that are among the first k of after, over
	// Compared queries; a sampled record does not count among its own neighbours.
	Compared uint64     `json:"compared"`
	Overlap  float64    `json:"overlap"`
	CI95     [2]float64 `json:"overlap_ci95"` // by 2,000 resamples of the queries
	// ChangeCI95 is of After.Recall - Before.Recall, over queries that both were asked and that say
	// what is expected; zeros where there is none.
	ChangeCI95 [2]float64 `json:"recall_change_ci95"`
	// Ranked are the expected records that are among the first k of both states. RankDelta is by how many
	// places they stand further behind, on average, and RankWorst the most; below 0 is further in front.
	Ranked    uint64  `json:"ranked"`
	RankDelta float64 `json:"rank_delta"`
	RankWorst int     `json:"rank_worst"`
}

// Recall measures what searches by vector of memories find in two states. It holds the queries and k
// answers each, and reads each state two or three times.
func Recall(ctx context.Context, before, after agentstate.Source, o *RecallOptions) (*RecallReport, error) {
	if o == nil {
		o = &RecallOptions{}
	}
	m := &measuring{o: o, k: o.K, key: o.Key}
	if m.k <= 0 {
		m.k = 10
	}
	if m.key == nil {
		m.key = func(k string) string { return k }
	}
	rep := &RecallReport{K: uint64(m.k), Seed: o.Seed, Sampled: o.Queries == nil}
	var err error
	if rep.Sampled {
		err = m.draw(ctx, before, after)
	} else {
		err = m.given(ctx)
	}
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, q := range m.queries {
		fmt.Fprintf(h, "%q %q\n", q.Text, q.Expected)
	}
	rep.Queries, rep.QuerySet = uint64(len(m.queries)), hex.EncodeToString(h.Sum(nil))
	if rep.Before, err = m.searchAll(ctx, before, m.a); err != nil {
		return nil, err
	}
	if rep.After, err = m.searchAll(ctx, after, m.b); err != nil {
		return nil, err
	}
	m.judge(rep)
	return rep, nil
}

type measuring struct {
	o       *RecallOptions
	k       int
	key     func(string) string
	queries []Query
	a, b    []search
}

// draw takes the n memories with the smallest digests of seed and key: the same ones in any order of reading.
func (m *measuring) draw(ctx context.Context, before, after agentstate.Source) error {
	n := m.o.N
	if n <= 0 {
		n = 100
	}
	if n > MaxQueries {
		return fmt.Errorf("%w: more than %d", ErrQueries, MaxQueries)
	}
	type drawn struct {
		rank [32]byte
		key  string
		vec  []float32
	}
	var got []drawn
	take := func(src agentstate.Source) error {
		return eachVector(ctx, src, func(e *pb.Embedding, v []float32) error {
			d := drawn{rank: sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, m.o.Seed), e.OfKey...)), key: e.OfKey, vec: v}
			at, dup := slices.BinarySearchFunc(got, d, func(a, b drawn) int { return bytes.Compare(a.rank[:], b.rank[:]) })
			if dup || at >= n { // of several vectors of a memory the first
				return nil
			}
			if got = slices.Insert(got, at, d); len(got) > n {
				got = got[:n]
			}
			return nil
		})
	}
	if err := take(before); err != nil {
		return err
	}
	fresh := len(got) == 0 // the first state has no vector: what is found in the second is still worth knowing
	if fresh {
		if err := take(after); err != nil {
			return err
		}
	}
	if len(got) == 0 {
		return fmt.Errorf("%w: neither state has a vector of a memory", ErrQueries)
	}
	there := map[string]int{}
	for i, d := range got {
		m.queries = append(m.queries, Query{Text: d.key, Expected: []string{d.key}})
		a, b := search{vec: d.vec, self: d.key}, search{self: m.key(d.key)}
		if fresh {
			a, b = search{}, search{vec: d.vec, self: d.key}
		}
		m.a, m.b = append(m.a, a), append(m.b, b)
		there[m.b[i].self] = i
	}
	if fresh {
		m.key = func(k string) string { return k }
		return nil
	}
	return eachVector(ctx, after, func(e *pb.Embedding, v []float32) error {
		if i, ok := there[e.OfKey]; ok && m.b[i].vec == nil {
			m.b[i].vec = v
		}
		return nil
	})
}

// given makes the vectors of given queries.
func (m *measuring) given(ctx context.Context) error {
	m.queries = m.o.Queries
	m.a, m.b = make([]search, len(m.queries)), make([]search, len(m.queries))
	for side, e := range map[*[]search]Embedder{&m.a: m.o.Before, &m.b: m.o.After} {
		if e == nil {
			continue
		}
		for at := 0; at < len(m.queries); at += batchTexts {
			var texts []string
			for _, q := range m.queries[at:min(at+batchTexts, len(m.queries))] {
				texts = append(texts, q.Text)
			}
			got, err := e.Embed(ctx, texts)
			if err != nil {
				return err
			}
			if len(got) != len(texts) {
				return fmt.Errorf("%w: %d answers for %d queries", ErrEmbedder, len(got), len(texts))
			}
			for i, a := range got {
				if a.Vector == nil {
					return fmt.Errorf("%w: query %d: %s", ErrEmbedder, at+i+1, a.Why)
				}
				(*side)[at+i].vec = a.Vector
			}
		}
	}
	return nil
}

// judge computes the shares and their intervals.
func (m *measuring) judge(rep *RecallReport) {
	var overlap, change []float64
	share := func(want, have []string) float64 {
		n := 0
		for _, k := range want {
			if slices.Contains(have, k) {
				n++
			}
		}
		return float64(n) / float64(len(want))
	}
	recall := func(s *search, out *Measure, want []string) (float64, bool) {
		asked := s.vec != nil || rep.Sampled && out.Searched > 0 // a record that lost its vector is not found
		if !asked {
			return 0, false
		}
		if len(s.top) == 0 {
			out.Empty++
		}
		if len(want) == 0 {
			return 0, false
		}
		out.Expected++
		r := share(want, s.keys(m.k, false))
		out.Recall += r
		return r, true
	}
	for i, q := range m.queries {
		there := make([]string, len(q.Expected))
		for j, k := range q.Expected {
			there[j] = m.key(k)
		}
		x, ok := recall(&m.a[i], &rep.Before, q.Expected)
		y, also := recall(&m.b[i], &rep.After, there)
		if ok && also {
			change = append(change, y-x)
			rep.rank(q.Expected, m.a[i].keys(m.k, false), there, m.b[i].keys(m.k, false))
		}
		if first := m.a[i].keys(m.k, true); len(first) > 0 && rep.After.Searched > 0 {
			for j, k := range first {
				first[j] = m.key(k)
			}
			overlap = append(overlap, share(first, m.b[i].keys(m.k, true)))
		}
	}
	for _, x := range []*Measure{&rep.Before, &rep.After} {
		if x.Expected > 0 {
			x.Recall /= float64(x.Expected)
		}
	}
	if rep.Ranked > 0 {
		rep.RankDelta /= float64(rep.Ranked)
	}
	rep.Compared = uint64(len(overlap))
	rep.Overlap, rep.CI95 = bootstrap(overlap, m.o.Seed)
	_, rep.ChangeCI95 = bootstrap(change, m.o.Seed)
}

// rank adds by how many places each record that is expected moved, where both searches found it.
func (rep *RecallReport) rank(want, before, there, after []string) {
	for j, k := range want {
		x, y := slices.Index(before, k), slices.Index(after, there[j])
		if x < 0 || y < 0 {
			continue
		}
		if rep.Ranked == 0 || y-x > rep.RankWorst {
			rep.RankWorst = y - x
		}
		rep.Ranked, rep.RankDelta = rep.Ranked+1, rep.RankDelta+float64(y-x)
	}
}

// resamples of a bootstrap.
const resamples = 2000

// bootstrap is the mean of xs, and the interval that holds 95 of 100 means of resamples.
func bootstrap(xs []float64, seed uint64) (mean float64, ci [2]float64) {
	if len(xs) == 0 {
		return 0, ci
	}
	rnd := rand.New(rand.NewPCG(seed, 0x657869747261))
	means := make([]float64, resamples)
	for i := range means {
		var s float64
		for range xs {
			s += xs[rnd.IntN(len(xs))]
		}
		means[i] = s / float64(len(xs))
	}
	slices.Sort(means)
	for _, x := range xs {
		mean += x
	}
	return mean / float64(len(xs)), [2]float64{means[resamples*25/1000], means[resamples*975/1000-1]}
}
