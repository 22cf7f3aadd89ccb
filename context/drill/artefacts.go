package drill

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
)

// What shows an answer.
const (
	byPlan         = "plan"
	byContract     = "contract"
	byBlock        = "block"
	byManifest     = "manifest"
	bySchema       = "schema"
	byRegister     = "register"
	bySecond       = "second reader"
	byLedger       = "ledger"
	byState        = "state"
	byJournal      = "journal"
	byRefused      = "refused"
	byQueries      = "queries"
	byConfirmation = "confirmation"
)

// shownBy are the artefacts that show the answer to each statement, where the drill has them.
func shownBy() [statements][]string {
	return [statements][]string{
		0: {byPlan}, 1: {byPlan, byBlock}, 2: {byPlan, byContract}, 3: {byPlan}, 4: {byPlan}, 5: {byPlan}, 6: {byPlan},
		7: {byPlan, byManifest}, 8: {byManifest}, 9: {byManifest}, 10: {byPlan, byManifest, byState}, 11: {byPlan, byManifest}, 12: {byManifest, byState},
		13: {byManifest}, 14: {byPlan, byManifest}, 15: {byPlan, byManifest}, 16: {bySchema}, 17: {byRegister, byManifest}, 18: {byManifest},
		19: {bySecond, byManifest}, 20: {bySchema, byState}, 21: {byManifest}, 22: {byManifest}, 24: {byLedger}, 25: {byManifest}, 26: {byPlan},
		27: {byManifest}, 28: {byManifest, byState, byJournal}, 29: {byManifest}, 30: {byManifest}, 31: {byManifest, byState}, 32: {byManifest, byState, byJournal, byRefused},
		33: {byManifest, byState}, 34: {byManifest, byState}, 35: {byManifest, byState}, 36: {byState, byJournal}, 37: {byState, byJournal}, 38: {byQueries, byState},
		39: {byState}, 41: {byPlan}, 42: {byRefused}, 43: {byPlan}, 44: {byConfirmation, byManifest}, 45: {byPlan},
	}
}

// artefacts are those that the drill has, with their digests as they are now.
func (r *run) artefacts(p *evidence.Predicate) (map[string][]evidence.Subject, error) {
	out := map[string][]evidence.Subject{}
	put := func(id, name string, d evidence.Digest) {
		if s := (evidence.Subject{Name: name, Digest: d}); d.SHA256 != "" && !slices.Contains(out[id], s) {
			out[id] = append(out[id], s)
		}
	}
	put(byPlan, "plan", p.Drill.PlanDigest)
	put(byContract, "contract", p.Arrangement.ContractDigest)
	put(byBlock, filepath.Base(r.file(blockFile)), p.Drill.ProviderBlocked.ProofDigest)
	put(byManifest, "manifest.json", evidence.Digest{SHA256: p.Archive.ManifestSHA256})
	for _, s := range p.Archive.Schemas {
		put(bySchema, s.File, s.Digest)
	}
	if p.FormatRegister != nil {
		put(byRegister, "format register", p.FormatRegister.Digest)
	}
	if s := r.st.Second; s != nil {
		if len(s.Output) > 0 {
			put(bySecond, filepath.Base(r.file(secondOutput)), evidence.Digest{SHA256: hexSum(s.Output)})
		}
		for _, f := range s.Files {
			put(bySecond, f.Name, f.Digest)
		}
	}
	if p.Drill.PrevDigest.SHA256 != "" {
		put(byLedger, fmt.Sprintf("ledger entry %d", p.Drill.LedgerIndex-1), p.Drill.PrevDigest)
	}
	put(byState, evidence.SubjectState, p.Target.StateDigest)
	if p.Recall != nil {
		put(byQueries, "query set", p.Recall.QuerySetDigest)
	}
	if p.Erasure != nil {
		put(byConfirmation, "erasure confirmation", p.Erasure.Confirmation)
	}
	if r.st.Report == nil {
		return out, nil
	}
	files := map[string]string{byJournal: r.journal()}
	if r.st.Report.Actions[replay.Refused] > 0 {
		files[byRefused] = r.file(refusedFile)
	}
	for id, path := range files {
		sum, err := fileSum(path)
		if err != nil {
			return nil, fmt.Errorf("drill: %w", err)
		}
		put(id, filepath.Base(path), evidence.Digest{SHA256: sum})
	}
	return out, nil
}

// show names, for each answer of p, what shows it.
func (r *run) show(p *evidence.Predicate) error {
	have, err := r.artefacts(p)
	if err != nil {
		return err
	}
	if s := r.st.Second; s != nil && p.SecondReader != nil {
		for _, f := range s.Files {
			if f.Digest.SHA256 == "" {
				p.Checks[19].Why += fmt.Sprintf("; no digest of %s, which could be run and not be read", f.Name)
			}
		}
	}
	by := shownBy()
	for i := range p.Checks {
		if p.Checks[i].Result == evidence.Untold {
			continue
		}
		for _, id := range by[i] {
			p.Checks[i].Evidence = append(p.Checks[i].Evidence, have[id]...)
		}
	}
	return nil
}

// programFiles are the program that args start and its script: what was run can be told by their digests. Those of
// other arguments would be of passphrases and key files, which can be guessed offline from what is signed: so a
// script is executable, or what an interpreter is given first; it follows no option, and is no key of the plan. A
// file that cannot be read has no digest.
func programFiles(args []string, k *Keys) []evidence.Subject {
	var out []evidence.Subject
	for i, path := range args {
		if i == 0 {
			if found, err := exec.LookPath(path); err == nil {
				path = found
			}
		}
		fi, err := os.Stat(path)
		if err != nil || !fi.Mode().IsRegular() || k.have(fi) {
			continue
		}
		script := fi.Mode()&0o111 != 0 || i == 1 && interprets(args[0])
		if i > 0 && (!script || strings.HasPrefix(args[i-1], "-")) {
			continue
		}
		sum, err := fileSum(path)
		if err != nil {
			sum = ""
		}
		out = append(out, evidence.Subject{Name: filepath.Base(path), Digest: evidence.Digest{SHA256: sum}})
	}
	return out
}

// have tells whether a file is one of k.
func (k *Keys) have(fi fs.FileInfo) bool {
	return slices.ContainsFunc(slices.Concat(k.Identities, k.Escrow, k.Recipients, k.TSACerts, []string{k.Trust, k.Sign}), func(path string) bool {
		key, err := os.Stat(path)
		return err == nil && os.SameFile(fi, key)
	})
}

// interprets tells whether a program runs the file that it is given first: python3.12 does, as python does.
func interprets(program string) bool {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(program)), ".exe")
	return slices.Contains([]string{"bash", "bun", "dash", "ksh", "lua", "node", "nodejs", "perl", "php", "pypy", "python", "rscript", "ruby", "sh", "zsh"}, strings.TrimRight(name, "0123456789."))
}

// fileSum is the SHA-256 of a file, in hexadecimal; empty: it is not there.
func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
