package promptfoo

import "maps"

// whole is a test with what it takes from the document's default, and from a scenario's setting where it runs in one.
func whole(base, setting, test map[string]any) map[string]any {
	out := merge(merge(base, setting), test)
	of, _ := base["options"].(map[string]any)
	options, _ := out["options"].(map[string]any)
	if options != nil {
		options = maps.Clone(options)
		out["options"] = options
		for _, end := range []string{"prefix", "suffix"} { // an empty one does not take the default away
			if v, has := of[end]; has && (options[end] == nil || options[end] == "") {
				options[end] = v
			}
		}
	}
	// Only what a test says itself keeps the default assertions from it; in a scenario its options are merged by then.
	if setting == nil {
		options, _ = test["options"].(map[string]any)
	}
	var asserts []any
	for i, from := range []map[string]any{base, setting, test} {
		if list, ok := from["assert"].([]any); ok && (i > 0 || options["disableDefaultAsserts"] != true) {
			asserts = append(asserts, list...)
		}
	}
	if delete(out, "assert"); len(asserts) > 0 {
		out["assert"] = asserts
	}
	return out
}

// merge is a test with what it takes from a default, but for assertions.
func merge(base, test map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, test)
	for _, part := range []string{"vars", "options"} {
		a, _ := base[part].(map[string]any)
		c, isMap := test[part].(map[string]any)
		if a == nil || test[part] != nil && !isMap {
			continue
		}
		m := maps.Clone(a)
		maps.Copy(m, c)
		out[part] = m
	}
	return out
}
