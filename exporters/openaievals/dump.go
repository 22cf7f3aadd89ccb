package openaievals

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An object is one of the API's, with its bytes.
type object struct {
	id   string
	eval string // id of the eval that it is of
	run  string // id of the run that it is of
	raw  jsonvalue.Value
}

// A dump is what is in the files.
type dump struct {
	evals, runs, items, others []object
	ids                        map[string][]byte // of the objects, by kind and id
	pages                      map[string]bool   // lists, by what is in them: whether one said that it is the last
	damaged                    []*pb.Gap
	noted                      map[string]bool // of damaged, what is said once a file
}

func newDump() *dump {
	return &dump{ids: map[string][]byte{}, pages: map[string]bool{}, noted: map[string]bool{}}
}

// maxDepth is how deep an object may stand in a document.
const maxDepth = 16

// file takes the JSON values of a file, one or one a line.
func (d *dump) file(name string, b []byte) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			d.damaged = append(d.damaged, &pb.Gap{Kind: "testrun", Place: name, Reason: pb.Gap_REASON_CORRUPT,
				Detail: fmt.Sprintf("it is not JSON from byte %d on", dec.InputOffset())})
			return
		}
		d.walk(name, jsonvalue.Value(raw), 0)
	}
}

func (d *dump) walk(name string, raw jsonvalue.Value, depth int) {
	if depth > maxDepth {
		if raw.IsList() || raw.IsObject() {
			d.note(name, pb.Gap_REASON_LIMIT, fmt.Sprintf("what stands deeper than %d lists and objects is not looked at: dump the API's answers as they come", maxDepth))
		}
		return
	}
	if raw.IsList() {
		raw.Elements(func(v jsonvalue.Value) { d.walk(name, v, depth+1) })
		return
	}
	if !raw.IsObject() {
		return
	}
	kind := raw.Get("object").Text()
	x := object{id: raw.Get("id").Text(), eval: raw.Get("eval_id").Text(), run: raw.Get("run_id").Text(), raw: raw}
	switch {
	case kind == "eval" && x.id != "":
		d.put(name, kind, &d.evals, x)
	case kind == "eval.run" && x.id != "" && x.eval != "":
		d.put(name, kind, &d.runs, x)
	case kind == "eval.run.output_item" && x.id != "" && x.eval != "" && x.run != "":
		d.put(name, kind, &d.items, x)
	case kind == "list":
		d.page(raw)
		d.walk(name, raw.Get("data"), depth+1)
	case kind != "":
		d.put(name, kind, &d.others, x)
	default:
		if raw.Get("error").IsObject() {
			d.note(name, pb.Gap_REASON_GONE, "an error of the API stands in place of an answer: what was asked for is not in the dump; ask again")
		}
		raw.Members(func(_ []byte, v jsonvalue.Value) { d.walk(name, v, depth+1) })
	}
}

// note names, once a file, what it has not.
func (d *dump) note(name string, reason pb.Gap_Reason, detail string) {
	if d.noted[name+"\n"+detail] {
		return
	}
	d.noted[name+"\n"+detail] = true
	d.damaged = append(d.damaged, &pb.Gap{Kind: "testrun", Place: name, Reason: reason, Detail: detail})
}

// put takes an object once. Of two that differ the first is kept and the other is named.
func (d *dump) put(name, kind string, to *[]object, x object) {
	key := kind + " " + x.eval + " " + x.run + " " + x.id
	was, ok := d.ids[key]
	switch {
	case !ok:
		d.ids[key] = x.raw
		*to = append(*to, x)
	case was != nil && !bytes.Equal(was, x.raw):
		d.ids[key] = nil // named once
		d.damaged = append(d.damaged, &pb.Gap{Kind: kindOf(kind), Place: strings.Join(strings.Fields(name+" "+x.eval+" "+x.run+" "+x.id), " "), Reason: pb.Gap_REASON_CHANGED,
			Detail: "the dump holds it twice, and the two differ; the first is kept"})
	}
}

func kindOf(object string) string {
	switch object {
	case "eval":
		return "testsuite"
	case "eval.run.output_item":
		return "testrun"
	}
	return "opaque"
}

// page notes whether a list goes on.
func (d *dump) page(o jsonvalue.Value) {
	of := ""
	o.Get("data").Elements(func(first jsonvalue.Value) {
		if of == "" {
			of = first.Get("object").Text()
			switch of {
			case "eval.run":
				of += " of " + first.Get("eval_id").Text()
			case "eval.run.output_item":
				of += " of " + first.Get("run_id").Text()
			}
		}
	})
	if of != "" {
		d.pages[of] = d.pages[of] || string(o.Get("has_more")) != "true"
	}
}
