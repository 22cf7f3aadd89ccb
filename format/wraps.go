package format

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/format/internal/seal"
)

// wrapClass reads the header of a key file: its weakest recipient and, for a passphrase, log2 of
// scrypt's cost, before anything is spent on it.
func wrapClass(file []byte) (class seal.Class, cost int, err error) {
	if len(file) > seal.MaxKeyFile {
		return 0, 0, errors.New("longer than a key file")
	}
	sc := bufio.NewScanner(bytes.NewReader(file))
	for first := true; sc.Scan(); first = false {
		line := sc.Text()
		if first {
			if line != "age-encryption.org/v1" {
				break
			}
			continue
		}
		if strings.HasPrefix(line, "---") {
			if class == 0 {
				return 0, 0, errors.New("age file without a recipient")
			}
			return class, cost, nil
		}
		args, ok := strings.CutPrefix(line, "-> ")
		if !ok {
			continue
		}
		words := strings.Fields(args)
		switch {
		case len(words) == 0 || strings.HasSuffix(words[0], "-grease"):
		case words[0] == "mlkem768x25519":
			class = max(class, seal.PQ)
		case words[0] == "scrypt":
			class = seal.Passphrase
			if len(words) != 3 {
				return 0, 0, errors.New("scrypt recipient without its cost")
			}
			if cost, err = strconv.Atoi(words[2]); err != nil || cost < 1 {
				return 0, 0, errors.New("scrypt recipient without its cost")
			}
		default:
			class = max(class, seal.Classic)
		}
	}
	return 0, 0, errors.New("not an age file")
}
