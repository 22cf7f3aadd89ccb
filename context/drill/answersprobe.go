package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
)

// probes are 15, 16, 18, 20 and 45: what a plan has to ask for.
func (a *answers) probes() {
	if a.r.st.Seen != nil {
		a.logs()
		a.metadata()
	}
	a.register()
	a.second()
	a.erasure()
}

// logs is 15.
func (a *answers) logs() {
	l := &a.r.p.Logs
	if len(l.Kinds) == 0 {
		return
	}
	due := l.due(a.r.st.Started)
	var say, gaps, late []string
	for _, kind := range l.Kinds {
		n, oldest := uint64(0), int64(0)
		if k := a.r.st.Seen.Kinds[kind]; k != nil {
			n, oldest = k.Records, k.Oldest
		}
		from := "no time is known"
		switch at := time.Unix(0, oldest).UTC(); {
		case oldest == 0:
			late = append(late, kind)
		default:
			from = "from " + at.Format(time.DateOnly)
			if at.Format(time.DateOnly) > due.Format(time.DateOnly) {
				late = append(late, kind)
			}
		}
		say = append(say, fmt.Sprintf("%s %d, %s", kind, n, from))
		if g := a.r.gapsOf(kind); g > 0 {
			gaps = append(gaps, fmt.Sprintf("%s %d", kind, g))
		}
	}
	why := fmt.Sprintf("logs are due from %s (%d days): %s", due.Format(time.DateOnly), l.Days, strings.Join(say, "; "))
	switch {
	case len(gaps) > 0:
		a.set(15, evidence.Fail, evidence.Measured, "%s; gaps: %s", why, strings.Join(gaps, ", "))
	case len(late) > 0:
		a.set(15, evidence.Warn, evidence.Measured, "%s; nothing is as old as that of %s: it was never there, or is gone", why, strings.Join(late, ", "))
	default:
		a.set(15, evidence.Pass, evidence.Measured, "%s; no gaps", why)
	}
}

// metadata is 16.
func (a *answers) metadata() {
	list := a.r.p.Metadata
	if len(list) == 0 {
		return
	}
	var found, absent, missing []string
	for i, m := range list {
		switch at := m.Kind + "." + m.Path; {
		case m.Absent != "":
			absent = append(absent, fmt.Sprintf("%s (%s)", m.Kind, m.Absent))
		case i < len(a.r.st.Seen.Metadata) && a.r.st.Seen.Metadata[i] > 0:
			found = append(found, fmt.Sprintf("%s in %d of %d", at, a.r.st.Seen.Metadata[i], a.r.facts.Records[m.Kind]))
		default:
			missing = append(missing, at)
		}
	}
	inferred := uint64(0)
	for _, k := range a.r.st.Seen.Kinds {
		inferred += k.Inferred
	}
	why := fmt.Sprintf("of %d that the plan names, %d found (%s), %d explained", len(list), len(found), strings.Join(found, ", "), len(absent))
	if len(absent) > 0 {
		why += ": " + strings.Join(absent, ", ")
	}
	why += fmt.Sprintf("; %d records say that they are concluded, as by a model", inferred)
	if len(missing) > 0 {
		a.set(16, evidence.Fail, evidence.Measured, "%s; in no record: %s", why, strings.Join(missing, ", "))
		return
	}
	a.set(16, evidence.Pass, evidence.Measured, "%s", why)
}

// register is 18.
func (a *answers) register() {
	g := a.p.FormatRegister
	if g == nil {
		return
	}
	why := fmt.Sprintf("%s, retrieved %s, sha256 %.16s…; of %d names of tables, objects and columns in the data %d stand in it; names inside of documents were not compared",
		g.URI, g.RetrievedAt, g.Digest.SHA256, g.Seen, g.Seen-g.AbsentN)
	if g.Changed {
		why += "; it is not the file of the drill before"
	}
	switch {
	case a.r.st.Seen == nil || g.Seen == 0:
		a.untold(18, "%s; the data have no names that could be compared", why)
	case g.AbsentN > 0:
		a.set(18, evidence.Warn, evidence.Measured, "%s; not in it: %s", why, strings.Join(g.Absent[:min(len(g.Absent), 12)], ", "))
	case g.Changed:
		a.set(18, evidence.Warn, evidence.Measured, "%s", why)
	default:
		a.set(18, evidence.Pass, evidence.Measured, "%s", why)
	}
}

// second is 20.
func (a *answers) second() {
	switch s := a.p.SecondReader; {
	case s == nil:
	case s.Refused != "":
		a.set(20, evidence.Fail, evidence.Measured, "%s did not read the archive: %s", s.Name, s.Refused)
	case !s.Agrees:
		a.set(20, evidence.Fail, evidence.Measured, "%s read %d records, manifest sha256 %.16s…; want %d, %.16s…, and the same count of each kind", s.Name, s.Records, s.ManifestSHA256, a.r.facts.Archive.Records, a.r.facts.Archive.ManifestSHA256)
	default:
		a.set(20, evidence.Pass, evidence.Measured, "%s read %d records: the same count of each kind, under the same manifest; that it shares no code is the plan's word", s.Name, s.Records)
	}
}

// erasure is 45.
func (a *answers) erasure() {
	e := a.p.Erasure
	if e == nil {
		return
	}
	why := fmt.Sprintf("asked on %s, before and outside of this drill: %s; %d records are known by their keys", e.AskedAt, e.Scope, e.Known)
	confirmed := "; the provider confirmed nothing"
	if e.Confirmation.SHA256 != "" {
		confirmed = fmt.Sprintf("; a confirmation was received (sha256 %.16s…)", e.Confirmation.SHA256)
	}
	why += confirmed
	switch {
	case !e.Probed:
		a.untold(45, "%s; the source was not read after that day, so nothing was probed", why)
	case e.StillThere > 0:
		a.set(45, evidence.Fail, evidence.Measured, "%s and probed: %d of them are still listed", why, e.StillThere)
	case e.Confirmation.SHA256 == "":
		a.set(45, evidence.Warn, evidence.Measured, "%s; probed: 0 of them are listed any more", why)
	default:
		a.set(45, evidence.Pass, evidence.Measured, "%s and probed: 0 of them are listed any more; copies at the provider cannot be seen from outside", why)
	}
}

// register compares the register's text with the names in the data.
func (r *run) register() *evidence.FormatRegister {
	g := &r.p.Provider.Register
	if r.e.Register == nil {
		return nil
	}
	out := &evidence.FormatRegister{URI: g.URL, RetrievedAt: string(g.Retrieved), Digest: evidence.Digest{SHA256: hexSum(r.e.Register)}}
	out.Changed = g.SHA256 != "" && !strings.EqualFold(g.SHA256, out.Digest.SHA256)
	if r.st.Seen == nil {
		return out
	}
	there := map[string]bool{}
	for w := range strings.FieldsFuncSeq(strings.ToLower(string(r.e.Register)), func(c rune) bool {
		return !(unicode.IsLetter(c) || unicode.IsNumber(c) || strings.ContainsRune("_-.", c))
	}) {
		there[strings.Trim(w, ".-")] = true
	}
	for w := range r.st.Seen.Words {
		out.Seen++
		if !there[strings.ToLower(strings.Trim(w, ".-"))] {
			out.Absent = append(out.Absent, w)
		}
	}
	slices.Sort(out.Absent)
	out.AbsentN = uint64(len(out.Absent))
	out.Absent = out.Absent[:min(len(out.Absent), 200)]
	return out
}

// second compares what another program read.
func (r *run) second() *evidence.SecondReader {
	s := r.st.Second
	if s == nil || r.facts == nil {
		return nil
	}
	out := &evidence.SecondReader{Name: s.Name, ManifestSHA256: s.ManifestSHA256, Refused: withoutKeys(s.Refused)}
	out.Agrees = s.Refused == "" && s.ManifestSHA256 == r.facts.Archive.ManifestSHA256
	for kind, n := range s.Kinds {
		if agentstate.IsState(kind) && n > 0 {
			out.Records += n
			out.Agrees = out.Agrees && r.facts.Records[kind] == n
		}
	}
	out.Agrees = out.Agrees && out.Records == r.facts.Archive.Records
	return out
}

// erasure is what became of records that were asked to go.
func (r *run) erasure() *evidence.Erasure {
	x := &r.p.Erasure
	if x.Asked == "" || r.facts == nil {
		return nil
	}
	e := &evidence.Erasure{AskedAt: string(x.Asked), Scope: x.Scope, Confirmation: evidence.Digest{SHA256: r.e.Confirmed}, Known: r.e.Asked}
	if from := r.source().From; !from.IsZero() && from.Format(time.DateOnly) > string(x.Asked) && r.st.Seen != nil {
		e.Probed, e.StillThere = true, r.st.Seen.Gone
	}
	return e
}

// vectors are those that were made anew.
func (r *run) vectors() *evidence.Vectors {
	if r.st.Embedded == nil {
		return nil
	}
	v := evidence.Vectors(*r.st.Embedded)
	return &v
}

// unconcluded says that a service may still have been at work: it concludes memories from messages some
// time after they came. Empty: nothing of that is to be seen.
func (r *run) unconcluded() string {
	s := r.st.Seen
	if s == nil || s.Kinds["memory"] == nil || s.Kinds["message"] == nil || s.Kinds["memory"].Inferred == 0 {
		return ""
	}
	memory, message := s.Kinds["memory"].Newest, s.Kinds["message"].Newest
	if memory == 0 || message <= memory {
		return ""
	}
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05") }
	return fmt.Sprintf("The newest memory that was concluded is of %s UTC, the newest message of %s UTC: what the service still concludes from the messages between is not in the archive.", at(memory), at(message))
}
