package cassette

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// embeddings are vectors that were recorded.
type embeddings struct {
	whole  map[string]*embeddingReply     // by request
	one    map[string][]*embeddedInput    // by input and what was asked for beside it: one of each form
	models map[string]map[string]struct{} // what each input was embedded with, by digest of the input
	runs   int
}

// An embeddingReply is the answer to one request.
type embeddingReply struct {
	key    string // of the run
	model  string
	usage  json.RawMessage
	inputs []*embeddedInput
}

type embeddedInput struct {
	in     *embeddingReply // that it came with
	vector json.RawMessage
}

// like tells whether y is in the form of x.
func (x *embeddedInput) like(y *embeddedInput) bool {
	_, isPacked := packed(x.vector)
	_, is := packed(y.vector)
	return is == isPacked
}

func newEmbeddings() embeddings {
	return embeddings{map[string]*embeddingReply{}, map[string][]*embeddedInput{}, map[string]map[string]struct{}{}, 0}
}

// add takes a run, and says how many bytes of it are held. What was embedded first counts: the same text has the same
// vector, give or take.
func (e *embeddings) add(ctx context.Context, src agentstate.Source, run *pb.Run) (int, error) {
	var doc embedded
	settings := map[string]any{}
	for _, n := range run.GetMeta().GetNative() {
		if n.Type != nativeEmbedded && n.Type != nativeSettings || n.GetData() == nil {
			continue
		}
		res := agentstate.ResolverOf(src)
		res.Limit = 3 * maxBody
		b, err := res.Data(ctx, n.GetData())
		if err != nil {
			return 0, fmt.Errorf("cassette: %s: %w", run.Meta.GetKey(), err)
		}
		if n.Type == nativeSettings {
			settings = decodeSettings(b)
		} else if json.Unmarshal(b, &doc) != nil {
			return 0, nil
		}
	}
	a, err := embeddingsAnswer(doc.Answer, len(doc.Inputs))
	if err != nil || len(doc.Inputs) == 0 || settings == nil {
		return 0, nil // of another tool, or changed since
	}
	q := &embeddingRequest{Inputs: doc.Inputs, Settings: settings}
	_, q.Base64 = packed(a.Vectors[0])
	if e.whole[q.whole()] != nil {
		return 0, nil
	}
	held := 0
	r := &embeddingReply{key: run.Meta.GetKey(), model: a.Model, usage: a.Usage}
	for i, in := range doc.Inputs {
		x := &embeddedInput{r, a.Vectors[i]}
		r.inputs = append(r.inputs, x)
		held += len(x.vector)
		if at := q.setup().place(in); !slices.ContainsFunc(e.one[at], x.like) {
			e.one[at] = append(e.one[at], x)
		}
		text := harness.Digest(in)
		if e.models[text] == nil {
			e.models[text] = map[string]struct{}{}
		}
		e.models[text][string(q.setup().json)] = struct{}{}
	}
	e.whole[q.whole()] = r
	e.runs++
	return held, nil
}

// find is the answer to a request: the recorded one, or one that is made of what was recorded with others. Else differs says
// which input is not there.
func (e *embeddings) find(q *embeddingRequest) (r *embeddingReply, differs []string) {
	if r := e.whole[q.whole()]; r != nil {
		return r, nil
	}
	asked := q.setup()
	out := &embeddingReply{}
	for i, in := range q.Inputs {
		if xs := e.one[asked.place(in)]; len(xs) > 0 {
			x := xs[0]
			if _, isPacked := packed(x.vector); isPacked != q.Base64 {
				x = xs[len(xs)-1]
			}
			if i == 0 {
				out.key, out.model = x.in.key, x.in.model
			}
			out.inputs = append(out.inputs, x)
			continue
		}
		var nearest []string
		for _, s := range slices.Sorted(maps.Keys(e.models[harness.Digest(in)])) {
			if d := harness.Differ([]byte(s), asked.json); nearest == nil || len(d) < len(nearest) {
				nearest = d
			}
		}
		if nearest != nil {
			return nil, []string{fmt.Sprintf("input %d was embedded with other settings: %s", i+1, strings.Join(nearest, "; "))}
		}
		return nil, []string{fmt.Sprintf("input %d (%s) was not embedded", i+1, harness.Digest(in))}
	}
	return out, nil
}

// write is the answer in the form that is asked for; false: a vector cannot be said in it.
func (r *embeddingReply) write(q *embeddingRequest) (any, bool) {
	data := make([]any, len(r.inputs))
	for i, x := range r.inputs {
		v, ok := inForm(x.vector, q.Base64)
		if !ok {
			return nil, false
		}
		data[i] = map[string]any{"object": "embedding", "index": i, "embedding": v}
	}
	out := map[string]any{"object": "list", "data": data, "model": r.model, "usage": map[string]any{"prompt_tokens": 0, "total_tokens": 0}} // it costs nothing
	if r.model == "" {
		out["model"] = q.Model
	}
	return out, true
}

// embed answers a request for embeddings.
func (p *Player) embed(w http.ResponseWriter, r *http.Request) {
	api := embeddingsAPI{}
	body, ok := bodyOf(w, r, api)
	if !ok {
		return
	}
	refuse := func(differs ...string) {
		m := Miss{What: "request to " + harness.Short(r.URL.Path), Differs: differs}
		p.missed(m)
		fail(w, api, http.StatusBadRequest, m.String())
	}
	q, err := embeddingsRequest(body)
	if err != nil {
		refuse(err.Error())
		return
	}
	found, differs := p.embeddings.find(q)
	if found == nil {
		refuse(differs...)
		return
	}
	out, said := found.write(q)
	if !said {
		refuse("a number of a vector is none of JSON: ask for encoding_format base64")
		return
	}
	if p.o.OnAnswer != nil {
		p.o.OnAnswer(found.key)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(harness.Encode(out))
}
