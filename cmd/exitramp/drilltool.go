package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/scratch"
)

// tool is this program, as it was called, with the digest of the list of modules that it is built of.
func (a *app) tool() evidence.Tool {
	args := a.args
	if i := slices.IndexFunc(args, func(s string) bool { return strings.HasPrefix(s, insideNamespace) }); i >= 0 {
		args = args[:i] // what withoutNetwork has added
	}
	t := evidence.Tool{Name: "exitramp", Version: version(), Command: append([]string{"exitramp"}, redactArgs(args)...)}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	var list strings.Builder
	for _, m := range b.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		fmt.Fprintln(&list, m.Path, m.Version, m.Sum)
	}
	sum := sha256.Sum256([]byte(list.String()))
	t.Modules.SHA256 = hex.EncodeToString(sum[:])
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			t.VCS = s.Value
		}
	}
	return t
}

// insideNamespace is how the option begins with which a drill is run again without a network. What stands behind it
// is not of the user.
const insideNamespace = "--inside-namespace="

// openssl has the program of that name check who signed an archive, where it is at hand: a second
// program, by other people. Empty: it is not.
func openssl(ctx context.Context, archive string, keys []format.TrustedKey) (string, error) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		return "", nil
	}
	version, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return "", nil
	}
	name := strings.Join(strings.Fields(string(version))[:2], " ")
	manifest, bundles, err := signatures(archive)
	if err != nil {
		return "", err
	}
	dir, err := scratch.Dir("exitramp-openssl-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	o, good := &opensslCheck{path, dir, manifest}, 0
	for _, raw := range bundles {
		for _, k := range keys {
			ok, err := o.check(ctx, raw, k)
			if err != nil {
				return "", fmt.Errorf("%s did not say that it agrees: %w", name, err)
			}
			if ok {
				good++
			}
		}
	}
	if good == 0 {
		return "", nil // the signatures lie beside the archive
	}
	return fmt.Sprintf("%s (%d signatures over manifest.json)", name, good), nil
}

// signatures are manifest.json and the bundles in an archive, as any unzip shows them.
func signatures(archive string) (manifest []byte, bundles [][]byte, err error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, nil, err
	}
	defer z.Close()
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "/")
		if name != "manifest.json" && !strings.HasPrefix(name, "attestations/") {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, nil, err
		}
		b, err := io.ReadAll(io.LimitReader(rc, maxBundle))
		if err := errors.Join(err, rc.Close()); err != nil {
			return nil, nil, err
		}
		if name == "manifest.json" {
			manifest = b
		} else {
			bundles = append(bundles, b)
		}
	}
	return manifest, bundles, nil
}

// opensslCheck is the program, a folder of its own, and what was signed.
type opensslCheck struct {
	path, dir string
	manifest  []byte
}

// check checks one bundle with one key; false: it names another key.
func (o *opensslCheck) check(ctx context.Context, raw []byte, k format.TrustedKey) (bool, error) {
	var b struct {
		VerificationMaterial struct{ PublicKey struct{ Hint string } }
		DSSEEnvelope         struct {
			Payload, PayloadType string
			Signatures           []struct{ Sig string }
		}
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return false, err
	}
	if b.VerificationMaterial.PublicKey.Hint != k.ID || len(b.DSSEEnvelope.Signatures) != 1 {
		return false, nil
	}
	payload, err := base64.StdEncoding.DecodeString(b.DSSEEnvelope.Payload)
	if err != nil {
		return false, err
	}
	sig, err := base64.StdEncoding.DecodeString(b.DSSEEnvelope.Signatures[0].Sig)
	if err != nil {
		return false, err
	}
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, o.path, args...)
		cmd.Dir = o.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("openssl %s: %w: %s", args[0], err, clean(strings.TrimSpace(string(out))))
		}
		return nil
	}
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(b.DSSEEnvelope.PayloadType), b.DSSEEnvelope.PayloadType, len(payload), payload)
	for name, body := range map[string][]byte{"pae": pae, "sig": sig, "manifest.json": o.manifest, "pub.pem": []byte(k.PEM())} {
		if err := os.WriteFile(filepath.Join(o.dir, name), body, 0o600); err != nil {
			return false, err
		}
	}
	if k.Ed25519() {
		err = run("pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin", "-in", "pae", "-sigfile", "sig")
	} else {
		err = run("dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig", "pae")
	}
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, o.path, "dgst", "-sha256", "-r", "manifest.json")
	cmd.Dir = o.dir
	out, err := cmd.Output()
	if err != nil {
		return false, err
	}
	if sum, _, _ := strings.Cut(string(out), " "); len(sum) != 64 || !bytes.Contains(payload, []byte(sum)) {
		return false, errors.New("what is signed is about another manifest.json")
	}
	return true, nil
}
