// Package images reads and writes the images inside of messages in the forms that two APIs give them:
// Anthropic's blocks with a source, and data: addresses of OpenAI's Responses. It lets an image, and a
// tool's result that holds one, go from a runtime of the one to a runtime of the other.
package images

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Known tells whether models of both APIs take images of this media type.
func Known(mediaType string) bool {
	return slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, mediaType)
}

// Decode is the image that data is in base64; nil: it is none. One that is too long for a record stands
// there without its bytes, which are in the native form.
func Decode(mediaType, data string) *pb.Media {
	b, err := base64.StdEncoding.DecodeString(data)
	switch {
	case !Known(mediaType) || err != nil || len(b) == 0:
		return nil
	case len(b) > agentstate.SpillSize:
		return &pb.Media{Data: &pb.Data{MediaType: mediaType}}
	}
	return &pb.Media{Data: agentstate.Inline(mediaType, b)}
}

// FromURL is the image in a data: address; nil: it is none.
func FromURL(url string) *pb.Media {
	head, data, ok := strings.Cut(url, ",")
	mediaType, inline := strings.CutPrefix(head, "data:")
	mediaType, base := strings.CutSuffix(mediaType, ";base64")
	if !ok || !inline || !base {
		return nil
	}
	return Decode(mediaType, data)
}

// URL is the data: address of an image.
func URL(mediaType string, b []byte) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(b)
}

// A Part is a text, or an image.
type Part struct {
	Text      string
	MediaType string // of the image that Data is; empty: none
	Data      []byte
	URL       string // of an image; empty: none
}

// Result are the parts of a tool's result, a list in either form. ok is false where something in it is
// neither a text nor a whole image.
func Result(output []byte) (parts []Part, ok bool) {
	v, ok := jsonvalue.Parse(output)
	if !ok || !v.IsList() {
		return nil, false
	}
	v.Elements(func(v jsonvalue.Value) {
		p, good := partOf(v)
		ok = ok && good
		parts = append(parts, p)
	})
	return parts, ok && len(parts) > 0
}

func partOf(v jsonvalue.Value) (Part, bool) {
	var m *pb.Media
	switch t := v.Get("type"); {
	case t.Is("text"), t.Is("input_text"), t.Is("output_text"):
		return Part{Text: v.Get("text").Text()}, v.Get("text").IsText()
	case t.Is("image"):
		src := v.Get("source")
		if src.Get("type").Is("url") {
			return Part{URL: src.Get("url").Text()}, strings.HasPrefix(src.Get("url").Text(), "http")
		}
		m = Decode(src.Get("media_type").Text(), src.Get("data").Text())
	case t.Is("input_image"):
		url := v.Get("image_url").Text()
		if strings.HasPrefix(url, "http") {
			return Part{URL: url}, true
		}
		m = FromURL(url)
	}
	if m == nil || m.Data.GetInline() == nil {
		return Part{}, false
	}
	return Part{MediaType: m.Data.MediaType, Data: m.Data.GetInline()}, true
}

// HasImage tells whether one of parts is an image.
func HasImage(parts []Part) bool {
	return slices.ContainsFunc(parts, func(p Part) bool { return p.Data != nil || p.URL != "" })
}
