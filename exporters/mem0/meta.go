package mem0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// addedPrefix begins the version of a meta.json that was there before the run: the names of the collections
// that the run added follow.
const addedPrefix = "added "

// writeMeta writes Qdrant's list of collections with Commit. To one that is there, what it lacks is added.
func (w *writer) writeMeta(ctx context.Context, key string, b []byte) (replay.Receipt, error) {
	if _, err := parseMeta(b); err != nil {
		return refused("%v", err)
	}
	rc := replay.Receipt{Action: replay.Created, Target: key, Version: sqlitefile.Digest(b)}
	have, err := w.s.readMeta()
	switch {
	case err != nil:
		return replay.Receipt{}, err
	case bytes.Equal(have, b):
		return w.sameMeta(ctx, rc, b)
	case have == nil:
		w.notes = append(w.notes, newerMembers(b)...)
		w.newMeta(nil, b)
		return rc, nil
	}
	merged, names, why := mergeMeta(have, b)
	if why != "" {
		return replay.Receipt{Action: replay.Conflict, Why: why}, nil
	}
	rc.Losses = []fidelity.Loss{{Path: "native", Grade: fidelity.Transformed, Why: "the target's own list of collections, with those of the state"}}
	if len(names) == 0 {
		return w.sameMeta(ctx, rc, b)
	}
	for i, n := range names {
		names[i] = url.QueryEscape(n)
	}
	rc.Version = addedPrefix + strings.Join(names, " ")
	w.newMeta(have, merged)
	return rc, nil
}

// sameMeta is the receipt of a list that has all collections. The list is written with Commit, behind all
// answers: what an attempt that was broken off has added stands in its answer, and the journal joins that
// to an answer without a version. What was there before that attempt is another's, and stays, and so is all of it
// where the attempt did not come to its list.
func (w *writer) sameMeta(ctx context.Context, rc replay.Receipt, b []byte) (replay.Receipt, error) {
	rc.Action = replay.Same
	if w.run.DryRun || !w.run.Doubts(rc.Target) {
		return rc, nil
	}
	rc.Version = ""
	committed, err := w.committed(ctx, b)
	if !committed {
		rc.Version = addedPrefix
	}
	return rc, err
}

// committed tells whether an attempt that was broken off may have come to its list, which it writes behind all
// rows: then there are some, and none had to be put again.
func (w *writer) committed(ctx context.Context, b []byte) (held bool, err error) {
	for _, d := range w.dbs {
		if d != nil && d.wrote {
			return false, nil
		}
	}
	eachCollection(b, func(name, _ jsonvalue.Value) {
		if err == nil && !held {
			held, err = w.holds(ctx, name.Text())
		}
	})
	return held, err
}

func (w *writer) newMeta(have, b []byte) {
	if !w.run.DryRun {
		w.oldMeta, w.meta = have, bytes.Clone(b)
	}
}

// mergeMeta is the list have with the collections of b that it lacks; why: one is made otherwise in both.
func mergeMeta(have, b []byte) (merged []byte, names []string, why string) {
	var all []string
	there := map[string]string{}
	eachCollection(have, func(name, c jsonvalue.Value) {
		all, there[name.Text()] = append(all, fmt.Sprintf("%s: %s", name, c)), madeFor(c)
	})
	eachCollection(b, func(name, c jsonvalue.Value) {
		switch old, ok := there[name.Text()]; {
		case !ok:
			all, names = append(all, fmt.Sprintf("%s: %s", name, saying(c))), append(names, name.Text())
		case old != madeFor(c):
			why = fmt.Sprintf("the target's collection %.60q is made for %.200s, the state's for %.200s, as meta.json says: replay into an empty folder", name.Text(), old, madeFor(c))
		}
	})
	return withCollections(have, all), names, why
}

func eachCollection(b []byte, fn func(name, c jsonvalue.Value)) {
	v, _ := jsonvalue.Parse(b)
	v.Get("collections").Pairs(fn)
}

// saying is v without the members that say null: an earlier release of qdrant-client than the one that wrote them
// opens no list with members that it does not know, not even for the collections beside.
func saying(v jsonvalue.Value) string {
	if !v.IsObject() {
		return string(v)
	}
	var members []string
	v.Pairs(func(name, x jsonvalue.Value) {
		if !x.IsNull() {
			members = append(members, fmt.Sprintf("%s: %s", name, saying(x)))
		}
	})
	return "{" + strings.Join(members, ", ") + "}"
}

// newerMembers say that a list keeps members which earlier releases of qdrant-client do not know: those open none of its
// collections, also where a member says null. Tried: 1.10.1, 1.14.2, 1.15.1, 1.16.2, 1.17.0, 1.18.0, 1.20.0.
func newerMembers(b []byte) []string {
	last, names := "", []string{}
	say := func(v jsonvalue.Value, member, before string) {
		if v.Get(member) != nil && !slices.Contains(names, member) {
			last, names = max(last, before), append(names, member) // all of two digits
		}
	}
	eachCollection(b, func(_, c jsonvalue.Value) {
		say(c, "strict_mode_config", "1.10.1")
		say(c, "metadata", "1.15.1")
		for _, m := range []string{"payload", "id_tracker"} {
			say(c, m, "1.18.0")
		}
		say(c.Get("vectors"), "memory", "1.18.0")
	})
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("qdrant/meta.json stays as the state's program wrote it, with %s: qdrant-client %s and older ones open no collection of such a list", strings.Join(names, ", "), last)}
}

// withCollections is the list b with these collections, written as Python writes it.
func withCollections(b []byte, all []string) []byte {
	var members []string
	v, _ := jsonvalue.Parse(b)
	v.Pairs(func(name, x jsonvalue.Value) {
		value := string(x)
		if name.Text() == "collections" {
			value = "{" + strings.Join(all, ", ") + "}"
		}
		members = append(members, fmt.Sprintf("%s: %s", name, value))
	})
	return []byte("{" + strings.Join(members, ", ") + "}")
}

// madeFor are the vectors that a collection is made for. The rest of what meta.json says of it is of the release that
// made it: members that others do not write, and a place for words, without which Qdrant finds by vectors alone. Its local mode
// heeds nothing of where and how a server keeps them: vectors of one collection are found and added to alike under a list that
// says on_disk, quantization_config, hnsw_config, datatype, shards or metadata (qdrant-client 1.15.1 and 1.20.0). What has several
// vectors a point finds none of those that have one.
func madeFor(c jsonvalue.Value) string {
	v := c.Get("vectors")
	if m := v.Get("multivector_config"); v.Get("size") == nil || m != nil && !m.IsNull() { // they have names, or there are none
		return "vectors " + compact(v)
	}
	return fmt.Sprintf("vectors of size %s, %s", compact(v.Get("size")), compact(v.Get("distance")))
}

func compact(v jsonvalue.Value) string {
	var b bytes.Buffer
	json.Compact(&b, v) // it was checked
	return b.String()
}

// commitMeta writes the list.
func (w *writer) commitMeta() error {
	if w.meta == nil {
		return nil
	}
	p, err := w.s.path("qdrant/meta.json")
	if err == nil && w.oldMeta == nil {
		err = writeFile(w.run.ID, p, w.meta)
	} else if err == nil {
		err = exchangeFile(w.run.ID, p, w.oldMeta, w.meta)
	}
	if err == nil {
		w.meta, w.oldMeta = nil, nil
	}
	return err
}

// exchangeFile puts b in the place of a file that holds old.
func exchangeFile(run, path string, old, b []byte) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := homefiles.Only(filepath.Dir(path), run)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Chmod(st.Mode().Perm()), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		return fmt.Errorf("%w: %s", ErrChanged, path)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	_ = syncdir.Sync(filepath.Dir(path)) // it is there; not every file system can do more
	return nil
}

// undoMeta takes the list away, or what the run added to it. A collection stays in it as long as it holds
// points, of whomever: Qdrant finds none that is not in its list.
func (w *writer) undoMeta(ctx context.Context, version string) (why string, err error) {
	p, err := w.s.path("qdrant/meta.json")
	if err != nil {
		return err.Error(), nil
	}
	b, err := os.ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	names, added := strings.CutPrefix(version, addedPrefix)
	if _, err := parseMeta(b); err != nil || !added && sqlitefile.Digest(b) != version {
		return changed, nil
	}
	var kept []string
	n := 0
	eachCollection(b, func(name, c jsonvalue.Value) {
		n++
		made, held := !added || slices.Contains(strings.Fields(names), url.QueryEscape(name.Text())), false
		if made && err == nil {
			held, err = w.holds(ctx, name.Text())
		}
		if held {
			why = fmt.Sprintf("its collection %.60q holds memories that are not the run's, or changed since", name.Text())
		}
		if held || !made {
			kept = append(kept, fmt.Sprintf("%s: %s", name, c))
		}
	})
	switch {
	case err != nil:
		return "", err
	case added && len(kept) == n:
		return why, nil
	case added:
		return why, exchangeFile(w.run.ID, p, b, withCollections(b, kept))
	case why != "":
		return why, nil
	}
	return "", os.Remove(p)
}

// holds tells whether a collection of Qdrant holds a point.
func (w *writer) holds(ctx context.Context, place string) (bool, error) {
	if w.layouts[place].Form != pointsForm {
		return false, nil
	}
	d, err := w.open(ctx, place)
	if err != nil {
		return false, err
	}
	n, err := d.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM points LIMIT 1)")
	return n > 0, d.wrap(err)
}
