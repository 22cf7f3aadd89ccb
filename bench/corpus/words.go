package corpus

import (
	"math"
	"math/rand/v2"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// vocabulary is 8,192 words of two to four syllables. With successors drawn from a few
// neighbours half of the time, zstd -3 takes the text down to about a third, as it does prose.
func vocabulary(seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, math.MaxUint64))
	on := []string{"b", "br", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w", ""}
	mid := []string{"a", "e", "i", "o", "u", "ea", "ou", "ai"}
	end := []string{"", "n", "r", "s", "t", "l", "nd", "st", "m"}
	w := make([]string, 8192)
	for i := range w {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString(on[r.IntN(len(on))] + mid[r.IntN(len(mid))] + end[r.IntN(len(end))])
		}
		w[i] = b.String()
	}
	return w
}

// zipf is a number below n; small ones are common.
func (g *gen) zipf(n int) int {
	return int(math.Pow(float64(n), g.r.Float64())) % n
}

func (g *gen) word() string { return g.words[g.zipf(len(g.words))] }

func (g *gen) pick(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *gen) text(n int) string {
	var b strings.Builder
	w := g.zipf(len(g.words))
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(g.words[w])
		switch p := g.r.IntN(10); {
		case p < 5: // one of four successors
			w = (w*31 + 17*g.r.IntN(4)) % len(g.words)
		default:
			w = g.zipf(len(g.words))
		}
		if g.r.IntN(12) == 0 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func row(typ string, cols ...*pb.Column) *pb.Native {
	return &pb.Native{Type: typ, Body: &pb.Native_Row{Row: &pb.Row{Columns: cols}}}
}

func str(name, v string) *pb.Column {
	return &pb.Column{Name: name, Value: &pb.Column_Text{Text: []byte(v)}}
}

func typed(name, typ, v string) *pb.Column {
	return &pb.Column{Name: name, Type: typ, Value: &pb.Column_Text{Text: []byte(v)}}
}

func ref(name, typ, at string) *pb.Column {
	return &pb.Column{Name: name, Type: typ, Value: &pb.Column_At{At: at}}
}

func null(name string) *pb.Column { return &pb.Column{Name: name} }
