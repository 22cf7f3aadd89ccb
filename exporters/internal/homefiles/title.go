package homefiles

import (
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxTitle is how many characters of a person's words are a title.
const maxTitle = 80

// FirstWords are the first words of a message that a person typed, a title where there is none; empty:
// there are none. Texts in angle brackets are the program's: what a command printed, or a reminder.
func FirstWords(parts []*pb.Part) string {
	for _, p := range parts {
		s := strings.TrimSpace(p.GetText())
		if s == "" || s[0] == '<' {
			continue
		}
		if len(s) > 4*4*maxTitle { // enough, in bytes, for what Fields takes out
			s = s[:4*4*maxTitle]
		}
		s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
		if r := []rune(s); len(r) > maxTitle {
			return string(r[:maxTitle-1]) + "…"
		}
		return s
	}
	return ""
}
