package agentstate_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Keys are the archive's promise: these lines never change.
func TestKeyGolden(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{nil, "memory"},
		{[]string{""}, "memory/"},
		{[]string{"", ""}, "memory//"},
		{[]string{"a", "b"}, "memory/a/b"},
		{[]string{"a/b"}, "memory/a%2Fb"},
		{[]string{"a%2Fb"}, "memory/a%252Fb"},
		{[]string{"~"}, "memory/%7E"},
		{[]string{"user:7@x&y=1+2$"}, "memory/user:7@x&y=1+2$"},
		{[]string{"a b\t\n"}, "memory/a%20b%09%0A"},
		{[]string{"#?;,\"<>"}, "memory/%23%3F%3B%2C%22%3C%3E"},
		{[]string{"Größe", "記憶"}, "memory/Gr%C3%B6%C3%9Fe/%E8%A8%98%E6%86%B6"},
		{[]string{"\x00\xff"}, "memory/%00%FF"},
		{[]string{strings.Repeat("x", 1024)}, "memory/" + strings.Repeat("x", 1024)},
		{[]string{strings.Repeat("x", 1025)}, "memory/" + strings.Repeat("x", 64) + "~c6d8e9905300876046729949cc95c2385221270d389176f7234fe7ac00c4e430"},
	} {
		if got := agentstate.Key("memory", c.parts...); got != c.want {
			t.Errorf("Key(%q) = %s, want %s", c.parts, got, c.want)
		}
	}
}

func TestSplitKey(t *testing.T) {
	kind, parts := agentstate.SplitKey("memory")
	if kind != "memory" || parts != nil {
		t.Error(kind, parts)
	}
	// A cut part stays as it is: what it stood for is not in it.
	long := strings.Repeat("%", 500)
	key := agentstate.Key("memory", long)
	if _, parts = agentstate.SplitKey(key); "memory/"+parts[0] != key {
		t.Errorf("%s became %s", key, parts[0])
	}
	// What is no key does not make it fall over.
	if _, parts = agentstate.SplitKey("memory/%zz"); parts[0] != "%zz" {
		t.Error(parts)
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "%2F", "~", "\x00\xff", "\xed\xa0\x80", "é", strings.Repeat("~", 400), strings.Repeat("x", 5000)} {
		f.Add(s, "b", strings.Repeat(s, 3))
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		key := agentstate.Key("k", a, b)
		for i := range len(key) {
			if key[i] <= ' ' || key[i] >= 0x7f {
				t.Fatalf("%q holds byte %#x", key, key[i])
			}
		}
		if len(key) > 2*1100 {
			t.Fatalf("%d bytes", len(key))
		}
		if kind, parts := agentstate.SplitKey(key); kind != "k" || len(parts) != 2 {
			t.Fatalf("%q: %q %q", key, kind, parts)
		} else if !strings.Contains(key, "~") && !slices.Equal(parts, []string{a, b}) {
			t.Fatalf("%q came back as %q", []string{a, b}, parts)
		}
		if key != agentstate.Key("k", strings.Clone(a), strings.Clone(b)) {
			t.Fatal("not a function of its arguments")
		}
		for _, other := range [][]string{{a}, {b, a}, {a, c}, {c, b}, {a + "/" + b}, {a, b, c}, {a + b}, {}, {a, b, ""}} {
			same := slices.Equal(other, []string{a, b})
			if (agentstate.Key("k", other...) == key) != same {
				t.Fatalf("%q and %q: one key", []string{a, b}, other)
			}
		}
	})
}

// What is escaped is what url.PathEscape escapes, and ~.
func TestKeyEscapes(t *testing.T) {
	for c := range 256 {
		p := "a" + string([]byte{byte(c)}) + "é"
		want := "k/" + strings.ReplaceAll(url.PathEscape(p), "~", "%7E")
		if got := agentstate.Key("k", p); got != want {
			t.Errorf("%q becomes %s, want %s", p, got, want)
		}
		_, parts := agentstate.SplitKey(want)
		if len(parts) != 1 || parts[0] != p {
			t.Errorf("%s gives %q", want, parts)
		}
	}
}
