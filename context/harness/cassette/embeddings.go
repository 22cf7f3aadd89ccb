package cassette

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
)

// embeddingsAPI is OpenAI's Embeddings. It is no conversation: of the API of one, it has the name and the form of an error.
type embeddingsAPI struct{ chatAPI }

func (embeddingsAPI) name() string { return "embeddings" }

// embeds tells whether a path is that of the API.
func embeds(path string) bool { return strings.HasSuffix(path, "/embeddings") }

// nativeEmbedded is the type of what was embedded, and of the answer.
const nativeEmbedded = "embedded"

// embedded is an exchange as it is kept.
type embedded struct {
	Inputs []json.RawMessage `json:"inputs"` // texts, or lists of tokens
	Answer json.RawMessage   `json:"answer"` // as the provider gave it
}

// An embeddingRequest is what a program wants embedded.
type embeddingRequest struct {
	Model    string
	Inputs   []json.RawMessage
	Base64   bool // the form of the vectors in the answer
	Settings map[string]any
}

const wantInput = "its input is neither a text, nor tokens, nor a list of such"

// embeddingsRequest reads a request. A list of numbers is one input, of tokens.
func embeddingsRequest(body []byte) (*embeddingRequest, error) {
	var in struct {
		Model    string          `json:"model"`
		Input    json.RawMessage `json:"input"`
		Encoding string          `json:"encoding_format"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, errRequest("it is no request for embeddings")
	}
	q := &embeddingRequest{Model: in.Model, Base64: in.Encoding == "base64"}
	if in.Encoding != "" && in.Encoding != "float" && !q.Base64 {
		return nil, errRequest("its encoding_format is neither float nor base64")
	}
	if one := embeddable(in.Input); one != nil {
		q.Inputs = []json.RawMessage{one}
	} else {
		var list []json.RawMessage
		if json.Unmarshal(in.Input, &list) != nil || len(list) == 0 {
			return nil, errRequest(wantInput)
		}
		for _, raw := range list {
			one := embeddable(raw)
			if one == nil {
				return nil, errRequest(wantInput)
			}
			q.Inputs = append(q.Inputs, one)
		}
	}
	var err error
	q.Settings, err = settings(body, "input", "encoding_format")
	return q, err
}

// embeddable is a text or a list of tokens, spelled in one way; nil: raw is neither.
func embeddable(raw json.RawMessage) json.RawMessage {
	var text *string
	if json.Unmarshal(raw, &text) == nil && text != nil {
		return harness.Encode(*text)
	}
	var tokens []uint32
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 {
		return harness.Encode(tokens)
	}
	return nil
}

// setup is what is asked for beside the inputs. Vectors of another model, or of another length, are never given.
func (q *embeddingRequest) setup() setup { return newSetup(embeddingsAPI{}.name(), q.Settings) }

// place is where the vector of an input is recorded.
func (s setup) place(input json.RawMessage) string {
	h := sha256.New()
	h.Write(s.json)
	h.Write([]byte{0})
	h.Write(input)
	return hex.EncodeToString(h.Sum(nil))
}

// whole is where a request is recorded as it is, in the form that it asks for: to make one form of the other is not
// exact to the last digit.
func (q *embeddingRequest) whole() string {
	form := []byte("float")
	if q.Base64 {
		form = []byte("base64")
	}
	return q.setup().place(bytes.Join(append([][]byte{form}, rawBytes(q.Inputs)...), []byte{'\n'}))
}

func rawBytes(in []json.RawMessage) [][]byte {
	out := make([][]byte, len(in))
	for i, x := range in {
		out[i] = x
	}
	return out
}

// An embeddingAnswer is an answer of the API: a vector for each input, by its index.
type embeddingAnswer struct {
	Model   string
	Usage   json.RawMessage
	Vectors []json.RawMessage // as they came: a list of numbers, or a text of base64
}

// embeddingsAnswer reads an answer to n inputs.
func embeddingsAnswer(body []byte, n int) (*embeddingAnswer, error) {
	var in struct {
		Model string          `json:"model"`
		Usage json.RawMessage `json:"usage"`
		Data  []struct {
			Index     *int            `json:"index"`
			Embedding json.RawMessage `json:"embedding"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Data) != n {
		return nil, errAnswer
	}
	a := &embeddingAnswer{Model: in.Model, Usage: in.Usage, Vectors: make([]json.RawMessage, n)}
	for i, d := range in.Data {
		at := i
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= n || a.Vectors[at] != nil || !vector(d.Embedding) {
			return nil, errAnswer
		}
		a.Vectors[at] = d.Embedding
	}
	return a, nil
}

// vector tells whether raw is a vector in one of the two forms.
func vector(raw json.RawMessage) bool {
	if b, ok := packed(raw); ok {
		return len(b) > 0
	}
	var numbers []json.Number
	return json.Unmarshal(raw, &numbers) == nil && len(numbers) > 0
}

// packed are the bytes of a vector in base64: 32-bit numbers, the lowest byte first.
func packed(raw json.RawMessage) ([]byte, bool) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(text)
	return b, err == nil && len(b)%4 == 0
}

// inForm is a vector in the form that is asked for: as it came where it has it. In base64 its numbers have 32 bits, and
// JSON has no word for some that base64 has.
func inForm(raw json.RawMessage, asBase64 bool) (json.RawMessage, bool) {
	b, isPacked := packed(raw)
	switch {
	case isPacked == asBase64:
		return raw, true
	case asBase64:
		var numbers []float64
		if json.Unmarshal(raw, &numbers) != nil {
			return nil, false
		}
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(n)))
		}
		return harness.Encode(base64.StdEncoding.EncodeToString(b)), true
	}
	out := []byte{'['}
	for i := 0; i < len(b); i += 4 {
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, false
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, f, 'g', -1, 32)
	}
	return append(out, ']'), true
}
