package format

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// formatName is the format of this release.
const formatName = "ctxa/1"

// manifest is manifest.json. It stays in the clear, so nothing personal is in it.
type manifest struct {
	Format       string                `json:"format"`
	Requires     []string              `json:"requires"`
	ArchiveID    string                `json:"archive_id"`
	Lineage      string                `json:"lineage"`
	Sequence     uint64                `json:"sequence"`
	Base         *string               `json:"base"`
	CreatedAt    string                `json:"created_at"`
	Tool         string                `json:"tool"`
	Encryption   string                `json:"encryption"`
	Compartments []manifestCompartment `json:"compartments"`
	Payload      manifestPayload       `json:"payload"`
	Records      manifestRecords       `json:"records"`
	SchemaSHA256 string                `json:"schema_sha256"`
	Coverage     string                `json:"coverage"`
	Ext          map[string]any        `json:"ext"`

	id      archiveID
	created time.Time
}

type manifestCompartment struct {
	N               int    `json:"n"`
	RecipientSHA256 string `json:"recipient_sha256"`
	Weakest         string `json:"weakest"`
}

type manifestPayload struct {
	ManifestSHA256 string `json:"manifest_sha256"`
	Members        uint64 `json:"members"`
	Bytes          uint64 `json:"bytes"`
}

type manifestRecords struct {
	Root   string `json:"root"`
	Shards uint64 `json:"shards"`
}

// Values of manifest.encryption.
const (
	encryptionNone = "none"
	encryptionAge  = "age"
)

func (m *manifest) encrypted() bool { return m.Encryption == encryptionAge }

// marshal is manifest.json as this release writes it.
func (m *manifest) marshal() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("format: %s: %v", nameManifest, err)
	}
	return append(b, '\n'), nil
}

// parseManifest reads manifest.json strictly. Its errors are refusals.
func parseManifest(b []byte, lim *Limits) (*manifest, error) {
	if len(b) > maxManifest {
		return nil, refuse(ErrLimit, nameManifest, fmt.Sprintf("%d bytes, at most %d", len(b), maxManifest))
	}
	o, err := parseJSON(b)
	if err != nil {
		return nil, refuse(ErrManifest, nameManifest, err.Error())
	}
	m := &manifest{Format: o.text("format")}
	if *o.err == nil && m.Format != formatName {
		return nil, mismatch(ErrVersion, nameManifest, "format", formatName, fmt.Sprintf("%q", m.Format))
	}
	m.Requires = requires(o)
	if len(m.Requires) > 0 && *o.err == nil {
		return nil, mismatch(ErrVersion, nameManifest, "requires", "nothing", fmt.Sprintf("%q", m.Requires))
	}
	m.fill(o, lim)
	if *o.err != nil {
		return nil, refuse(ErrManifest, nameManifest, (*o.err).Error())
	}
	return m, nil
}

func requires(o *object) []string {
	out := []string{}
	for _, v := range o.list("requires") {
		s, ok := v.(string)
		if !ok {
			o.fail("requires", "not a list of strings")
		}
		out = append(out, s)
	}
	return out
}

func (m *manifest) fill(o *object, lim *Limits) {
	m.ArchiveID, m.Lineage, m.Sequence = o.text("archive_id"), o.text("lineage"), o.number("sequence")
	var ok bool
	if m.id, ok = parseID(m.ArchiveID); !ok {
		o.fail("archive_id", "not 26 lower-case base32 characters")
	}
	if v, has := o.m["base"]; has && v == nil {
		o.take("base")
	} else {
		s := o.hex("base", 64)
		m.Base = &s
	}
	m.CreatedAt, m.Tool = o.text("created_at"), o.text("tool")
	t, err := time.Parse(time.RFC3339Nano, m.CreatedAt)
	if err != nil || t.UTC().Format(time.RFC3339Nano) != m.CreatedAt {
		o.fail("created_at", "not a time of RFC 3339 in UTC")
	}
	m.created = t
	m.Encryption = o.text("encryption")
	if m.Encryption != encryptionNone && m.Encryption != encryptionAge {
		o.fail("encryption", "neither none nor age")
	}
	m.compartments(o, lim)
	p := o.object("payload")
	m.Payload = manifestPayload{p.hex("manifest_sha256", 64), p.number("members"), p.number("bytes")}
	p.end()
	r := o.object("records")
	m.Records = manifestRecords{r.hex("root", 64), r.number("shards")}
	r.end()
	m.SchemaSHA256, m.Coverage = o.hex("schema_sha256", 64), o.text("coverage")
	if agentstate.ParseCoverage(m.Coverage).String() != m.Coverage {
		o.fail("coverage", "none of RECONCILED, LISTED, GAPS, UNKNOWN")
	}
	m.Ext = o.object("ext").m
	o.end()
}

func (m *manifest) compartments(o *object, lim *Limits) {
	list := o.list("compartments")
	switch {
	case m.encrypted() != (len(list) > 0):
		o.fail("compartments", "do not go with encryption")
	case len(list) > lim.Compartments:
		o.fail("compartments", fmt.Sprintf("%d, at most %d", len(list), lim.Compartments))
		return
	}
	m.Compartments = []manifestCompartment{}
	for i, v := range list {
		cm, ok := v.(map[string]any)
		if !ok {
			o.fail("compartments", "not a list of objects")
			return
		}
		c := &object{m: cm, path: fmt.Sprintf("compartments[%d].", i), err: o.err}
		mc := manifestCompartment{int(min(c.number("n"), 1<<16)), c.hex("recipient_sha256", 64), c.text("weakest")}
		c.end()
		if mc.N != i {
			c.fail("n", "not in order from 0")
		}
		if !slices.Contains([]string{"pq", "classic", "passphrase"}, mc.Weakest) {
			c.fail("weakest", "none of pq, classic, passphrase")
		}
		m.Compartments = append(m.Compartments, mc)
	}
}

func (m *manifest) root() (h [32]byte) {
	hex.Decode(h[:], []byte(m.Records.Root)) // checked by parse
	return h
}
