package images

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
)

func TestFromURL(t *testing.T) {
	long := "data:image/png;base64," + strings.Repeat("AAAA", agentstate.SpillSize)
	for url, want := range map[string]string{
		"data:image/png;base64,AAEC": "image/png \x00\x01\x02", "data:image/png;base64,": "", "data:image/png,AAEC": "", "data:image/svg+xml;base64,AAEC": "",
		"data:image/png;base64,AA": "", "https://h/a.png": "", "": "", long: "image/png ",
	} {
		m, got := FromURL(url), ""
		if m != nil {
			got = m.Data.MediaType + " " + string(m.Data.GetInline())
		}
		if got != want {
			t.Errorf("%.40s: %q, want %q", url, got, want)
		}
	}
	if got := URL("image/png", []byte{0, 1, 2}); got != "data:image/png;base64,AAEC" {
		t.Error(got)
	}
}

func TestResult(t *testing.T) {
	both := []Part{{Text: "see"}, {MediaType: "image/png", Data: []byte{0, 1, 2}}, {URL: "https://h/a"}}
	for in, want := range map[string][]Part{
		`[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAEC"}},{"type":"image","source":{"type":"url","url":"https://h/a"}}]`: both,
		`[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AAEC","detail":"high"},{"type":"input_image","image_url":"https://h/a"}]`:          both,
		`[{"type":"text","text":"see"},{"type":"input_file","file_id":"f"}]`:    nil,
		`[{"type":"image","source":{"type":"file","file_id":"f"}}]`:             nil,
		`[{"type":"image","source":{"type":"url","url":"file:///etc/passwd"}}]`: nil,
		`{"type":"text","text":"see"}`:                                          nil, `[]`: nil, `["a"]`: nil, `[{"type":"text"}]`: nil, `x`: nil, ``: nil,
	} {
		got, ok := Result([]byte(in))
		if ok != (want != nil) || ok && cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %v", in, got, ok)
		}
	}
	if !HasImage(both) || HasImage(both[:1]) {
		t.Error("an image is not seen, or seen where there is none")
	}
}

func FuzzResult(f *testing.F) {
	for _, s := range []string{`[{"type":"text","text":"see"}]`, `[{"type":"input_image","image_url":"data:image/png;base64,AAEC"}]`, `[{"type":"image","source":{}}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if parts, ok := Result([]byte(s)); ok && len(parts) == 0 {
			t.Error("nothing, and it is understood")
		}
		FromURL(s)
	})
}
