package langgraph

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A vectorShape is how vectors are stored and indexed.
type vectorShape struct {
	typ     string // "vector", "halfvec"
	dims    uint32
	indexes []vectorIndex
}

// A vectorIndex is one index over the vectors.
type vectorIndex struct {
	name, method, class string
	params              [][2]string
}

// column is the type of the column of vectors.
func (v *vectorShape) column() string { return fmt.Sprintf("%s(%d)", v.typ, v.dims) }

func (x vectorIndex) sql() string {
	q := fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON store_vectors USING %s (embedding %s)", quote(x.name), x.method, x.class)
	var ps []string
	for _, p := range x.params {
		ps = append(ps, p[0]+" = "+p[1])
	}
	if len(ps) > 0 {
		q += " WITH (" + strings.Join(ps, ", ") + ")"
	}
	return q
}

// shapeOf reads how vectors were stored from the labels of an Origin; nil: it does not say, or
// not in words that are known: text of an archive never becomes SQL.
func shapeOf(o *pb.Origin) *vectorShape {
	var v *vectorShape
	for _, l := range o.GetMeta().GetLabels() {
		switch l.Name {
		case labelVectorType:
			if m := regexp.MustCompile(`^(vector|halfvec)\(([0-9]{1,5})\)$`).FindStringSubmatch(l.Value); m != nil {
				n, _ := strconv.ParseUint(m[2], 10, 32)
				v = &vectorShape{typ: m[1], dims: uint32(n)}
			}
		case labelVectorIndex:
			if x, ok := parseIndex(l.Value); ok && v != nil {
				v.indexes = append(v.indexes, x)
			}
		}
	}
	return v
}

func parseIndex(s string) (vectorIndex, bool) {
	m := regexp.MustCompile(`^([a-z0-9_]{1,63}) (hnsw|ivfflat) ((?:vector|halfvec)_(?:cosine|l2|ip|l1)_ops)(?: ((?:m|ef_construction|lists)=[0-9]{1,6}(?:,(?:m|ef_construction|lists)=[0-9]{1,6})*))?$`).FindStringSubmatch(s)
	if m == nil {
		return vectorIndex{}, false
	}
	x := vectorIndex{name: m[1], method: m[2], class: m[3]}
	if m[4] != "" {
		for p := range strings.SplitSeq(m[4], ",") {
			k, v, _ := strings.Cut(p, "=")
			x.params = append(x.params, [2]string{k, v})
		}
	}
	return x, true
}

// defaultShape is what the runtime makes without further options.
func defaultShape(lang language, dims uint32) *vectorShape {
	x := vectorIndex{name: "store_vectors_embedding_idx", method: "hnsw", class: "vector_cosine_ops"}
	if lang == javascript {
		x.name = "idx_store_vectors_embedding_cosine_hnsw"
		x.params = [][2]string{{"m", "16"}, {"ef_construction", "200"}}
	}
	return &vectorShape{typ: "vector", dims: dims, indexes: []vectorIndex{x}}
}

// of is v for vectors of n numbers of 32 bits, which are made anew; nil stays nil.
func (v *vectorShape) of(n uint32) *vectorShape {
	if v == nil {
		return nil
	}
	out := &vectorShape{typ: "vector", dims: n}
	for _, x := range v.indexes {
		if n > 2000 { // more than an index takes
			break
		}
		x.class = strings.Replace(x.class, "halfvec_", "vector_", 1)
		out.indexes = append(out.indexes, x)
	}
	return out
}

// relist builds the ivfflat indexes that the run made anew: made with their empty tables they would have lists at
// random, and searches would miss most of what is near. Where the server has too little memory for that, they stay.
func (w *writer) relist(ctx context.Context) error {
	for _, x := range w.lists {
		if err := w.d.exec(ctx, "SAVEPOINT relist"); err != nil {
			return err
		}
		if w.d.exec(ctx, "REINDEX INDEX "+x) == nil {
			continue
		}
		if err := w.d.exec(ctx, "ROLLBACK TO SAVEPOINT relist"); err != nil {
			return err
		}
	}
	return nil
}
