package homefiles

import (
	"strings"
	"unicode"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxTitle is how many characters of a person's words are a title.
const maxTitle = 80

// FirstWords are the first words of a message that a person typed, a title where there is none; empty:
// there are none. Texts in angle brackets are the program's: what a command printed, or a reminder.
func FirstWords(parts []*pb.Part) string {
	for _, p := range parts {
		s := strings.TrimSpace(p.GetText())
		if s == "" || s[0] == '<' && s[len(s)-1] == '>' {
			continue
		}
		cut := len(s) > 4*4*maxTitle // enough, in bytes, for what FieldsFunc takes out
		if cut {
			s = s[:4*4*maxTitle]
		}
		r := []rune(strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), blank), " "))
		if cut || len(r) > maxTitle {
			return shortened(r[:min(len(r), maxTitle-1)])
		}
		return string(r)
	}
	return ""
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// shortened is the start of a text without the word that the cut went through: half a secret is none
// that a scan would find. Scripts that put no spaces between words are cut anywhere.
func shortened(r []rune) string {
	n := len(r)
	for n > 0 && r[n-1] > ' ' && r[n-1] <= unicode.MaxASCII {
		n--
	}
	if s := strings.TrimSpace(string(r[:n])); s != "" {
		return s + "…"
	}
	return ""
}
