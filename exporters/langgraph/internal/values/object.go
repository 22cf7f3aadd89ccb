package values

import "strings"

// An object is what a serializer would have constructed: a class by name, and its arguments.
type object struct {
	path []string // JS: ["langchain_core","messages","AIMessage"]; Python: module and name
	args val      // JS: kwargs or args; Python: what the constructor gets
}

func (o object) name() string { return strings.Join(o.path, ".") }

// class is the last part of the name.
func (o object) class() string {
	if len(o.path) == 0 {
		return ""
	}
	return o.path[len(o.path)-1]
}

// object reads a constructor: Python's extension codes 0 to 6, a delta snapshot (7), and
// LangChain's {"lc":1|2,"type":"constructor"}.
func (v val) object() (object, bool) {
	if v.kind() == kExt {
		return v.packObject()
	}
	if v.pack || v.kind() != kMap {
		return object{}, false
	}
	var few [8]field
	fs := v.table(few[:])
	if t := fs.str("type"); fs.field("lc").number() == "" || t != "constructor" && t != "undefined" && t != "delta_snapshot" && t != "not_implemented" {
		return object{}, false
	} else if t != "constructor" {
		o := object{path: []string{t}, args: val{b: []byte("null")}}
		if x, ok := fs.get("value"); ok {
			o.args = x
		}
		return o, true
	}
	o := object{args: val{b: []byte("null")}}
	for x := range fs.field("id").items() {
		s, _ := x.text()
		o.path = append(o.path, s)
	}
	if k, ok := fs.get("kwargs"); ok {
		o.args = k
	}
	if a, ok := fs.get("args"); ok && a.kind() == kArray && len(a.b) > 2 {
		o.args = a
	}
	return o, true
}

// field is the value under name, null when there is none.
func (v val) field(name string) val {
	if f, ok := v.get(name); ok {
		return f
	}
	return v.null()
}

// null is null of v's serializer.
func (v val) null() val {
	if v.pack {
		return val{[]byte{0xc0}, true}
	}
	return val{b: []byte("null")}
}

func (v val) packObject() (object, bool) {
	code, payload := packExt(v.b)
	if code < 0 || code > 7 {
		return object{}, false
	}
	p, err := parse("msgpack", payload)
	if err != nil {
		return object{}, false
	}
	if code == 7 {
		return object{[]string{"DeltaSnapshot"}, p}, true
	}
	var parts []val
	for x := range p.items() {
		parts = append(parts, x)
	}
	if code == 6 { // numpy: dtype, shape, order, buffer
		return object{[]string{"numpy.ndarray"}, p}, len(parts) == 4
	}
	if len(parts) < 3 {
		return object{}, false
	}
	mod, ok1 := parts[0].text()
	name, ok2 := parts[1].text()
	return object{[]string{mod, name}, parts[2]}, ok1 && ok2
}
