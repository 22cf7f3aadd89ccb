package values

import "slices"

// Interrupt is one question of a paused task.
type Interrupt struct {
	ID      string   // what a resume names; empty in old shapes
	Place   string   // in old shapes, the namespaces that it was asked in, which name it; else empty
	Value   []byte   // the question as JSON, for people
	Options []string // what it lists under "options"; empty: free
}

// Interrupts reads the value of an __interrupt__ write: a list, or one.
func Interrupts(serializer string, b []byte) ([]Interrupt, error) {
	v, err := parse(serializer, b)
	if err != nil {
		return nil, err
	}
	if v.kind() != kArray {
		return []Interrupt{interrupt(v)}, nil
	}
	var out []Interrupt
	for x := range v.items() {
		out = append(out, interrupt(x))
	}
	return out, nil
}

func interrupt(v val) Interrupt {
	kw := v
	if o, ok := v.object(); ok {
		kw = o.args
		if kw.kind() == kArray { // positional: value, id
			var parts []val
			for x := range kw.items() {
				parts = append(parts, x)
			}
			i := Interrupt{}
			if len(parts) > 0 {
				i.Value, i.Options = question(parts[0])
			}
			if len(parts) > 1 {
				i.ID, _ = parts[1].text()
			}
			return i
		}
	}
	q, ok := kw.get("value")
	if !ok {
		i := Interrupt{}
		var only []field
		for f := range kw.fields() {
			only = append(only, f)
		}
		if !kw.pack && len(only) == 1 && only[0].is("id") { // JavaScript asked what JSON leaves out: a function, a symbol
			i.ID, i.Value = kw.str("id"), []byte("null")
			return i
		}
		i.Value, i.Options = question(kw)
		return i
	}
	i := Interrupt{ID: kw.str("id")}
	if i.ID == "" {
		i.ID = kw.str("interrupt_id")
	}
	for x := range kw.field("ns").items() {
		s, _ := x.text()
		i.Place += "|" + s
	}
	i.Value, i.Options = question(q)
	return i
}

func question(v val) ([]byte, []string) {
	var opts []string
	for x := range v.entry("options").elements() {
		if s, ok := x.text(); ok {
			opts = append(opts, s)
		} else if k := x.kind(); k == kNumber || k == kBool {
			opts = append(opts, plain(x, 4096))
		}
	}
	return render(v, 64<<10), opts
}

// SentTo are the nodes that a list of Sends starts, in its order; the node of one that is not understood is empty. nil: it is no
// list. JavaScript's library wrote two lists until 1.0: what it had seen, and what waits.
func SentTo(serializer string, b []byte) (nodes []string) {
	v, err := parse(serializer, b)
	if err != nil || v.kind() != kArray {
		return nil
	}
	nodes = []string{}
	if both := slices.Collect(v.items()); len(both) == 2 && both[0].kind() == kArray && both[1].kind() == kArray {
		v = both[1]
	}
	for x := range v.items() {
		node := x.str("node") // JavaScript's
		if o, ok := x.object(); ok && o.class() == "Send" {
			for arg := range o.args.items() {
				node, _ = arg.text()
				break
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}
