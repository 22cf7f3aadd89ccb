package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// pagesOf is the reports of all, alone, made once.
var pagesOf = sync.OnceValues(func() (map[string]string, error) {
	out := map[string]string{}
	for name, st := range all() {
		b, err := newBook(st.Predicate).html()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = string(b)
	}
	return out, nil
})

func reports(t *testing.T) map[string]string {
	t.Helper()
	out, err := pagesOf()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A report runs nothing and loads nothing, whatever is in the statement.
func TestHTMLAlone(t *testing.T) {
	for name, html := range reports(t) {
		for _, bad := range []string{"<script", "<img", "<link", "<iframe", "<object", "<embed", "<form", "@import", "javascript:", "ZgotmplZ", "\u202e", "\x00", "\x1b", "NaN", "Inf%"} {
			if i := strings.Index(html, bad); i >= 0 {
				t.Errorf("%s: has %q in %q", name, bad, html[max(0, i-80):i])
			}
		}
		for _, m := range regexp.MustCompile(`(?:<[a-z][^<>]*\s(?:[a-z:]*href|src|srcset|action)\s*=|url\()\s*"?([^")]*)`).FindAllStringSubmatch(html, -1) {
			if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "csv/") {
				t.Errorf("%s: refers to %.80q", name, m[1])
			}
		}
		if m := regexp.MustCompile(`<[a-z][^>]*\son[a-z]+\s*=`).FindString(html); m != "" {
			t.Errorf("%s: handler in %.80q", name, m)
		}
		if !strings.Contains(html, `content="default-src 'none'; style-src 'unsafe-inline'`) {
			t.Errorf("%s: no policy that keeps the network out", name)
		}
	}
}

// Headings go down one step at a time, ids are there once, and links inside lead somewhere.
func TestHTMLStructure(t *testing.T) {
	for name, html := range reports(t) {
		level := 0
		for _, m := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(html, -1) {
			n := int(m[1][0] - '0')
			if n > level+1 {
				t.Errorf("%s: h%d after h%d", name, n, level)
			}
			level = n
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(html, -1) {
			if ids[m[1]] {
				t.Errorf("%s: id %q twice", name, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(?:href="#|url\(#)([^")]*)`).FindAllStringSubmatch(html, -1) {
			if !ids[m[1]] {
				t.Errorf("%s: nothing has the id %q", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(html, -1) {
			for _, id := range strings.Fields(m[1]) {
				if !ids[id] {
					t.Errorf("%s: nothing has the id %q", name, id)
				}
			}
		}
		if a, b := strings.Count(html, "<table"), strings.Count(html, "<caption"); a != b || a == 0 {
			t.Errorf("%s: %d tables, %d captions", name, a, b)
		}
		if a, b := strings.Count(html, `<svg role="img"`), strings.Count(html, "<desc"); a != b || a < 8 {
			t.Errorf("%s: %d drawings, %d of them described", name, a, b)
		}
		at := -1
		for _, s := range []string{"EXERCISE ONLY", `class="verdict`, `id="strip-t"`, "What we could not test", "Six numbers", "three largest losses", `id="coverage"`, `id="fidelity"`, `id="trend"`, `id="annexes"`} {
			i := strings.Index(html, s)
			if i < at {
				t.Errorf("%s: %q is at %d, not after %d", name, s, i, at)
			}
			at = i
		}
	}
}

// Every link to a number leads to a row that is in the CSV file.
func TestHTMLRows(t *testing.T) {
	for name := range all() {
		files := artifacts(t, name)
		rows := map[string]bool{}
		for file, data := range files {
			if !strings.HasPrefix(file, "csv/") {
				continue
			}
			rows[file] = true
			all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all[1:] {
				rows[file+"#"+strings.TrimPrefix(r[0], "'")] = true
			}
		}
		n := 0
		for _, m := range regexp.MustCompile(`href="(csv/[^"]*)"`).FindAllStringSubmatch(string(files[NameHTML]), -1) {
			to, err := url.PathUnescape(m[1])
			if err != nil {
				t.Fatal(err)
			}
			n++
			// What a CSV file cannot hold is a space there.
			if to = strings.ReplaceAll(to, "\ufffd", " "); !rows[to] {
				t.Errorf("%s: no row %.120q", name, to)
			}
		}
		if n < 50 {
			t.Errorf("%s: %d links", name, n)
		}
	}
}

// Words that a report must not use of its own. What a drill writes into its statement is the
// drill's; the statements here have none of them.
func TestWords(t *testing.T) {
	bad := []string{"complete", "identical", "erased", "guarantee", "complian", "compliant", "certified", "certif", "lossless", "zero loss", "proof", `prove[ns]?\b`,
		"anonymous", "shredded", "verified", "no secrets", "satisfied", "satisfies", "gauge", "score"}
	for name := range map[string]*evidence.Statement{"full": full(), "bare": bare()} {
		for file, data := range artifacts(t, name) {
			text := strings.ToLower(string(data))
			if file == NameHTML {
				text = text[strings.Index(text, "<body"):]
			}
			for _, w := range bad {
				if file == NameOSCAL && w == "satisfied" { // OSCAL's own word, in its own place
					continue
				}
				if file == NameVerify && w == "verified" { // what cosign and openssl print
					text = strings.ReplaceAll(text, "`verified ok`", "")
				}
				for _, at := range regexp.MustCompile(`\b`+w).FindAllStringIndex(text, -1) {
					around := text[max(0, at[0]-30):min(len(text), at[1]+30)]
					if strings.Contains(around, "erased records that came back") || strings.Contains(around, "completeness") { // a count that must be 0; a section
						continue
					}
					t.Errorf("%s: %s says %q", name, file, around)
				}
			}
			if m := regexp.MustCompile(`\ball\b[^.]{0,40}`).FindString(text); m != "" && file != NameVerify {
				t.Errorf("%s: %s says %q", name, file, m)
			}
		}
	}
}

// Numbers of the first two pages, as a person reads them.
func TestHTMLSays(t *testing.T) {
	html := reports(t)
	text := func(s string) string {
		s = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, " ")
		return strings.Join(strings.Fields(strings.NewReplacer("&#39;", "'", "&amp;", "&", "&gt;", ">", "&#43;", "+").Replace(s)), " ")
	}
	for name, want := range map[string][]string{
		"full": {
			"FAIL at L4: 19 of 20 gates", "EXERCISE ONLY No notice of switching", "34 pass", "5 not tested", "Recovery time 23 min 41 s", "target: at most 4 h within target",
			"Worst recovery point 1 d 7 h of conversations target: at most 1 d target missed", "Known answers found again 25 of 25", "Worst survival of a kind > 99.9 % 9,119 of 9,120 conversations",
			"Replay level R3 the lowest of 3 features", "Grants widened 0 of 48 grants",
			"14 of 9,120 conversations arrive without the field branch_names: the target has no named branches. Nobody has accepted this loss.",
			"7 of 48 tool grants wait for a person", "Accepted by Head of platform until 2027-06-30.",
			"as a second process read them back; 0 in each row: there before · conflicts · stay, by the plan", "conversation erasure 31 a tombstone of the archive stands for each measured",
			"answer an order question R5 25 23 4 75 % 97.8 % yes judge command", "refund with approval R4 25 25 not seen tool and arguments",
			"Weights archived: 1 model; kept by the provider: 1 model; 1 model: not in the archive, and the source does not say where they are ( models )",
			half("12") + " credential " + half("21") + " 3 its holder, to sign in or to enter the secret anew; and an approval, by name and date", half("17") + " not said by the drill", "3 more wait;",
			"UTC langgraph python 8 as before 3 ", "langgraph python 9 changed", "schema of the source first same changed",
			"2 of 41 names in the data do not stand in the provider's register", "Hand-overs of the archive, with its digest before and after 20 November",
			"exporter vault of the records", "= 3b9ac7d23b9ac7d2… 3b9ac7d23b9ac7d2…",
			"ids_new 9,119 112,709", "ids_merged 0 112,709", "principals_mapped 209 212",
			"Of the 32 runs that the state is worth at the source (54 − 22), the target keeps 29 (51 − 22).",
		},
		"bare": {"PARTIAL at L1: 0 of 11 gates", "46 of 46 statements were not tested", "Recovery time not tested", "Secrets were not looked for.", "Weights no model is named in what was read", "Not tested: nothing was written to a target."},
	} {
		said := text(html[name])
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: does not say %q", name, w)
			}
		}
	}
	if n := strings.Count(html["bare"], ">not tested</text>"); n < 5 {
		t.Errorf("bare: %d charts are drawn as not tested", n)
	}
	no := full()
	no.Predicate.Arrangement.NoticeGiven = true
	if b, err := newBook(no.Predicate).html(); err != nil || bytes.Contains(b, []byte("EXERCISE ONLY")) || !bytes.Contains(b, []byte("NOT STATED TO BE AN EXERCISE")) {
		t.Errorf("a notice was given, and the cover says that it was an exercise: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{seconds(0), "0 s"}, {seconds(0.0004), "< 1 ms"}, {seconds(0.25), "250 ms"}, {seconds(59.94), "59.9 s"}, {seconds(542), "9 min 2 s"}, {seconds(3600), "1 h"},
		{seconds(7 * 86400), "7 d"}, {seconds(-1), "unknown"}, {seconds(1e300), "over 30,000 years"}, {seconds(60), "1 min"},
		{share(0, 0), "none"}, {share(1, 3), "33.3 %"}, {share(9999, 10000), "> 99.9 %"}, {share(1, 10000), "< 0.1 %"}, {share(5, 5), "100 %"}, {share(0, 5), "0 %"},
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(18446744073709551615), "18,446,744,073,709,551,615"},
		{percent(0.94), "94 %"}, {percent(2), "unknown"}, {clean("a\u202eb\nc\x00"), "a\ufffdb c\ufffd"}, {fmt.Sprint(len([]rune(clean(strings.Repeat("é", 5000))))), "601"},
		{token("DA-25(2)(a)"), "DA-25.2.a"}, {token("PRA-SS2/21-10.1"), "PRA-SS2_21-10.1"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// The cover says what its words mean, and the register begins with what is gone.
func TestCover(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*evidence.Predicate)
		want   string
	}{
		"name and id": {func(*evidence.Predicate) {}, `<h1>Exit drill 2026-Q4 support agents <span class="id">drill-5a915a91</span></h1>`},
		"no name":     {func(p *evidence.Predicate) { p.Drill.Name = "" }, `<h1>Exit drill drill-5a915a91</h1>`},
		"level":       {func(*evidence.Predicate) {}, "L4 is to export, check, import into a live target, read it back, and run the users&#39; tasks there."},
		"invalid":     {func(p *evidence.Predicate) { p.Drill.Exercise, p.Drill.Level = false, "" }, "<p>The drill itself was broken: it shows nothing.</p>"},
		"one second":  {func(p *evidence.Predicate) { p.Drill.EndedAt = p.Drill.StartedAt.Add(1) }, "<dd>20 November 2026, 09:30:00 UTC, within a second"},
		"records first": {func(p *evidence.Predicate) {
			p.Losses = []evidence.Loss{{Kind: "memory", Path: "tags", Count: 9, Of: 9, Grade: "dropped"}, {Kind: "skill", Count: 1, Of: 9, Grade: "dropped"}}
		}, `<ol class="losses"><li>1 of 9 skills do not arrive.`},
	} {
		st := full()
		tc.change(st.Predicate)
		html, err := newBook(st.Predicate).html()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(html), tc.want) {
			t.Errorf("%s: the report does not have %s", name, tc.want)
		}
	}
}
