package promptfoo

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
)

// files notes what a suite takes from other files, wherever it says so: assertions, definitions of
// tools, hooks, filters. place is where v stands; what is left already is not named again.
func (b *builder) files(place string, v any) {
	if b.left[place] {
		return
	}
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "file://") || strings.HasPrefix(place, "extensions[") { // a hook may be of a package, or a script
			b.leave(place)
		}
	case []any:
		for i, x := range v {
			b.files(place+"["+strconv.Itoa(i)+"]", x)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			at := strings.TrimPrefix(place+"."+harness.Short(k), ".")
			ref, isText := v[k].(string)
			if isText && (place == "nunjucksFilters" || k == "$ref" && !strings.HasPrefix(ref, "#")) {
				b.leave(at)
				continue
			}
			b.files(at, v[k])
		}
	}
}

// fetched tells whether a variable or what is expected is taken from a file, or from what a program of a package gives.
func fetched(s string) bool {
	return strings.HasPrefix(s, "file://") || strings.HasPrefix(s, "package:")
}
