package cassette

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/exitramp/exitramp/context/harness"
)

// embeddingConversation is the name of what holds the embeddings of a run. It has runs, and no messages.
const embeddingConversation = "embeddings"

// embed hands a request for embeddings on.
func (r *Recorder) embed(w http.ResponseWriter, req *http.Request) {
	api := embeddingsAPI{}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		fail(w, api, http.StatusRequestEntityTooLarge, fmt.Sprintf("cassette: a request of more than %d bytes", maxBody))
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	q, err := embeddingsRequest(body)
	if err != nil {
		r.miss("requests that were not understood")
		r.proxy.ServeHTTP(w, req)
		return
	}
	p := &pending{api: api, q: &request{Model: q.Model, Settings: q.Settings}, embeds: q, began: r.o.Now(), credentials: credentials(req)}
	for _, in := range q.Inputs {
		p.items = append(p.items, newItem("user", "", string(in)))
	}
	r.proxy.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), pendingKey{}, p)))
}

// takeEmbeddings keeps vectors, or that there were none. A failure is not played: a program that tries again later gets them.
func (r *Recorder) takeEmbeddings(p *pending, code int, b []byte, how ending) {
	switch {
	case p.repeats(b):
		r.unanswered(p, repeated)
		return
	case code != http.StatusOK:
		r.unanswered(p, "embeddings: "+refusedWith(code))
		return
	case how != endedWhole:
		r.unanswered(p, notRead)
		return
	}
	a, err := embeddingsAnswer(b, len(p.embeds.Inputs))
	if err != nil {
		r.unanswered(p, "answers that were not understood")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered(p)
	r.asked++
	whole := p.embeds.whole()
	if r.embedded[whole] { // the same text has the same vector
		r.again++
		return
	}
	if err := r.keepEmbeddings(p, a, b); err != nil {
		r.beyond["answers that could not be kept"]++
		return
	}
	r.embedded[whole] = true
}

func (r *Recorder) keepEmbeddings(p *pending, a *embeddingAnswer, b []byte) error {
	doc := harness.Encode(embedded{Inputs: p.embeds.Inputs, Answer: b})
	if r.held += int64(len(doc)); r.held > maxRecorded {
		return errors.New("the recording is full")
	}
	c := r.embeddings
	if c == nil || c.run != r.run {
		c = &conversation{run: r.run, embeds: true}
	}
	x := &exchange{requested: p.q.Model, served: a.Model, began: p.began, ended: r.o.Now(), first: -1}
	n := len(c.exchanges)
	if err := r.kept.put(c, nativeEmbedded, n, doc); err != nil {
		return err
	}
	if err := r.kept.put(c, "usage", n, a.Usage); err != nil {
		return err
	}
	if err := r.putSettings(c, x, p); err != nil {
		return err
	}
	if n == 0 {
		r.embeddings, r.all = c, append(r.all, c)
	}
	c.exchanges = append(c.exchanges, x)
	return nil
}
