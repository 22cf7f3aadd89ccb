package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/exitramp/exitramp/format"
)

// Keys on hardware and in clouds are kept by plugins of age, programs on PATH with names such as
// age-plugin-yubikey. This command runs them; the library never does.

// ui is how a plugin speaks to the person.
func (a *app) ui() *plugin.ClientUI {
	say := func(f string, v ...any) { fmt.Fprintf(a.stderr, f+"\n", v...) }
	return plugin.NewTerminalUI(say, say)
}

// hasPlugin says what to do where the program of a plugin is not there.
func hasPlugin(name string) error {
	if _, err := exec.LookPath("age-plugin-" + name); err != nil {
		return withHint(usagef("age-plugin-%s is not there: it keeps a key that was given", name), "install it, or put it on PATH")
	}
	return nil
}

// parseRecipients reads recipients as format.ParseRecipients does, and those of plugins.
func (a *app) parseRecipients(text string) ([]age.Recipient, error) {
	var own []string
	var out []age.Recipient
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
			name, _, err := plugin.ParseRecipient(word)
			if _, native := format.ParseRecipient(word); native == nil || err != nil {
				own = append(own, word)
				continue
			}
			if err := hasPlugin(name); err != nil {
				return nil, err
			}
			r, err := plugin.NewRecipient(word, a.ui())
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	if len(own) == 0 && len(out) > 0 {
		return out, nil
	}
	rs, err := format.ParseRecipients(strings.Join(own, "\n"))
	return append(out, rs...), err
}

// maxIdentities bounds a file of identities, in bytes.
const maxIdentities = 1 << 20

// readIdentities reads a file of identities, those of plugins included.
func (a *app) readIdentities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIdentities))
	if err != nil {
		return nil, err
	}
	var own bytes.Buffer
	var out []age.Identity
	for line := range strings.Lines(string(text)) {
		word := strings.TrimSpace(line)
		if !strings.HasPrefix(word, "AGE-PLUGIN-") {
			own.WriteString(line)
			continue
		}
		name, _, err := plugin.ParseIdentity(word)
		if err != nil {
			return nil, usagef("%s: a line that starts with AGE-PLUGIN- is no identity of a plugin", path)
		}
		if err := hasPlugin(name); err != nil {
			return nil, err
		}
		id, err := plugin.NewIdentity(word, a.ui())
		if err != nil {
			return nil, fmt.Errorf("%s: the identity of age-plugin-%s is not readable", path, name)
		}
		out = append(out, id)
	}
	ids, err := format.ParseIdentities(&own)
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return append(out, ids...), nil
}
