package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/secrets"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const (
	token    = "ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"
	password = "hunter2hunter2"
)

// source is a stream of records, with blobs by id, that marks after each record and goes on behind it.
type source struct {
	records []agentstate.Record
	blobs   map[string]string
	stop    int // 0: never; else after so many records
}

func (s *source) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		from := 0
		if opts != nil && len(opts.Cursor) > 0 {
			if _, err := fmt.Sscanf(string(opts.Cursor), "at %d", &from); err != nil {
				yield(nil, agentstate.ErrCursor)
				return
			}
		}
		for i := from; i < len(s.records); i++ {
			if !yield(proto.Clone(s.records[i]).(agentstate.Record), nil) {
				return
			}
			if s.stop > 0 && i+1 == s.stop {
				yield(nil, errors.New("broken off"))
				return
			}
			if !yield(&pb.Mark{Meta: agentstate.Meta("mark", nil), Cursor: fmt.Appendf(nil, "at %d", i+1)}, nil) {
				return
			}
		}
	}
}

func (s *source) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	body, ok := s.blobs[b.Id]
	if !ok {
		return nil, agentstate.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(body)), nil
}

// sink keeps what comes, as bytes.
type sink struct {
	records []agentstate.Record
	all     bytes.Buffer
	cursor  []byte
	from    []byte
}

func (s *sink) Put(_ context.Context, r agentstate.Record) error {
	b, err := proto.Marshal(r)
	s.all.Write(b)
	s.records = append(s.records, proto.Clone(r).(agentstate.Record))
	return err
}
func (s *sink) Commit(context.Context) error { return nil }
func (s *sink) PutBlob(_ context.Context, b *pb.Blob, r io.Reader) error {
	n, err := io.Copy(&s.all, r)
	b.Id, b.Size = "data/b/1", uint64(n)
	return err
}
func (s *sink) Mark(_ context.Context, c []byte) error { s.cursor = bytes.Clone(c); return nil }
func (s *sink) Cursor() []byte                         { return s.from }
func (s *sink) Tally() *agentstate.Tally               { return &agentstate.Tally{} }

// planted is a store with secrets in every place of a record that holds text.
func planted() *source {
	doc := `{"role":"user","content":"my password is ` + password + `\nand \u0074he token ` + token + `"}`
	msg := &pb.Message{
		Meta: &pb.Meta{Key: "message/t/1", Labels: []*pb.Label{{Name: "note", Value: "token " + token}},
			Native: []*pb.Native{agentstate.Document("line", "application/json", []byte(doc))}},
		ConversationKey: "conversation/t",
		Parts: []*pb.Part{
			{Body: &pb.Part_Text{Text: "my password is " + password + "\nand the token " + token}},
			{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c1", Name: "login", ArgumentsJson: []byte(`{"who":"bob","again":"` + password + `"}`)}}},
		},
	}
	msg.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 500, protowire.BytesType), password))
	row := &pb.ChannelValue{
		Meta: &pb.Meta{Key: "channelvalue/1", Native: []*pb.Native{{Type: "blobs", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
			{Name: "value", Value: &pb.Column_At{At: "#value"}},
			{Name: "note", Value: &pb.Column_Text{Text: []byte("password is " + password)}},
			{Name: "doc", Value: &pb.Column_Splice{Splice: &pb.Splice{Pieces: []*pb.Piece{{Body: &pb.Piece_Literal{Literal: []byte("x " + token)}}}}}},
		}}}}}},
		Value: agentstate.Inline("application/msgpack", []byte("\x81\xa1k\xd9\x28"+token)),
	}
	file := &pb.Artifact{Meta: agentstate.Meta("artifact", nil, "log"), Data: &pb.Data{Body: &pb.Data_Blob{Blob: &pb.Blob{Id: "log", Size: 400_000}}}}
	return &source{
		records: []agentstate.Record{
			&pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "x"},
			file,
			&pb.Conversation{Meta: agentstate.Meta("conversation", nil, "t"), Title: "nothing here"},
			msg, row,
			&pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x"), Kinds: []*pb.KindCompleteness{{Kind: "message", Enumerated: 1}}},
		},
		blobs: map[string]string{"log": strings.Repeat("a line of a log\n", 25_000) + "password is " + password + "\n"},
	}
}

func scanner(t *testing.T) *secrets.Scanner {
	t.Helper()
	s, err := secrets.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func labels(rs []agentstate.Record, name string) map[string]string {
	out := map[string]string{}
	for _, r := range rs {
		for _, l := range r.GetMeta().GetLabels() {
			if l.Name == name {
				out[r.GetMeta().Key] = l.Value
			}
		}
	}
	return out
}

func TestLabel(t *testing.T) {
	src, dst := planted(), &sink{}
	scan := secrets.Scan(src, scanner(t), secrets.Options{})
	if _, err := agentstate.Copy(context.Background(), dst, scan, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"artifact/log":   `{"said-password":1}`,
		"message/t/1":    `{"github-pat":3,"said-password":2}`,
		"channelvalue/1": `{"github-pat":2,"said-password":1}`,
	}
	if d := cmp.Diff(want, labels(dst.records, agentstate.LabelSecrets)); d != "" {
		t.Error(d)
	}
	st := dst.records[len(dst.records)-1].(*pb.Completeness)
	sum := secrets.Of(st)
	if places, records := sum.Total(); places != 9 || records != 3 || sum.Mode != "label" || sum.Found["message"]["github-pat"] != 3 || sum.Bytes < 400_000 {
		t.Errorf("summary %+v", sum)
	}
	if strings.Contains(fmt.Sprint(labels(dst.records, agentstate.LabelScan), labels(dst.records, agentstate.LabelSecrets)), password) {
		t.Error("a label holds a secret")
	}
	// But for the labels, what arrives is what was there: native stays.
	for i, r := range dst.records {
		agentstate.DropOwnLabels(r.GetMeta())
		if len(r.GetMeta().Labels) == 0 {
			r.GetMeta().Labels = nil
		}
		if f, ok := r.(*pb.Artifact); ok {
			f.Data.GetBlob().Id, f.Data.GetBlob().Size = "log", 400_000
		}
		if !proto.Equal(r, src.records[i]) {
			t.Errorf("%s changed: %v", r.GetMeta().Key, r)
		}
	}
}

// The canary: what was found is nowhere in what arrives.
func TestRedact(t *testing.T) {
	dst := &sink{}
	src := planted()
	scan := secrets.Scan(src, scanner(t), secrets.Options{Mode: secrets.Redact})
	if _, err := agentstate.Copy(context.Background(), dst, scan, nil); err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{token, password, token[8:], password[7:]} {
		if i := bytes.Index(dst.all.Bytes(), []byte(canary)); i >= 0 {
			t.Errorf("%q is at %d", canary, i)
		}
	}
	msg := dst.records[3].(*pb.Message)
	if want := "my password is **************\nand the token ****************************************"; msg.Parts[0].GetText() != want {
		t.Errorf("%q, want %q", msg.Parts[0].GetText(), want)
	}
	if doc := string(msg.Meta.Native[0].GetData().GetInline()); !strings.HasPrefix(doc, `{"role":"user","content":"my password is **************\nand \u0074he`) {
		t.Errorf("native %q", doc)
	}
	if len(msg.ProtoReflect().GetUnknown()) > 0 {
		t.Error("a field of a later release stayed in a record that was redacted")
	}
	if v := dst.records[4].(*pb.ChannelValue).Value.GetInline(); len(v) != 5+len(token) || !bytes.HasPrefix(v, []byte("\x81\xa1k\xd9\x28***")) {
		t.Errorf("msgpack %q", v)
	}
	if got := labels(dst.records, agentstate.LabelRedacted); len(got) != 3 || got["message/t/1"] != `{"github-pat":3,"said-password":2}` {
		t.Errorf("labels %v", got)
	}
	if n := dst.records[1].(*pb.Artifact).Data.GetBlob().Size; int(n) != len(src.blobs["log"]) {
		t.Errorf("a blob of %d bytes, was %d", n, len(src.blobs["log"]))
	}
	// The source's own record is not written to: bytes of records may be shared.
	if !bytes.Contains(src.records[3].GetMeta().Native[0].GetData().GetInline(), []byte(token)) {
		t.Error("bytes of the source were changed")
	}
}

func TestRefuse(t *testing.T) {
	dst := &sink{}
	_, err := agentstate.Copy(context.Background(), dst, secrets.Scan(planted(), scanner(t), secrets.Options{Mode: secrets.Refuse}), nil)
	var found *secrets.FoundError
	if !errors.Is(err, secrets.ErrFound) || !errors.As(err, &found) {
		t.Fatalf("%v, want ErrFound", err)
	}
	if want := "secrets: found: 9 in 3 records: artifact/log (said-password 1), message/t/1 (github-pat 3, said-password 2), channelvalue/1 (github-pat 2, said-password 1)"; found.Error() != want {
		t.Errorf("%v\nwant %s", found, want)
	}
	if len(dst.records) != 1 { // the origin, which stands before the first finding
		t.Errorf("%d records passed", len(dst.records))
	}
}

// A secret in a key cannot be taken out, and no report shows it.
func TestInKey(t *testing.T) {
	for _, mode := range []secrets.Mode{secrets.Redact, secrets.Refuse} {
		src := planted()
		src.records = slices.Insert(src.records, 3, agentstate.Record(&pb.Memory{Meta: agentstate.Meta("memory", nil, token), Content: &pb.Memory_Text{Text: "x"}}))
		dst := &sink{}
		_, err := agentstate.Copy(context.Background(), dst, secrets.Scan(src, scanner(t), secrets.Options{Mode: mode}), nil)
		if !errors.Is(err, secrets.ErrFound) || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "memory (github-pat 1)") {
			t.Errorf("%v: %v", mode, err)
		}
		if bytes.Contains(dst.all.Bytes(), []byte(token)) {
			t.Errorf("%v: it was passed on", mode)
		}
	}
}

func TestLargeBlob(t *testing.T) {
	dst := &sink{}
	src := planted()
	src.records[1].(*pb.Artifact).Data.GetBlob().Size = 0 // a source need not know
	if _, err := agentstate.Copy(context.Background(), dst, secrets.Scan(src, scanner(t), secrets.Options{MaxBlob: 1000}), nil); err != nil {
		t.Fatal(err)
	}
	sum := secrets.Of(dst.records[len(dst.records)-1].(*pb.Completeness))
	if sum.BlobsNotScanned != 1 || !slices.Equal(sum.NotScannedOf, []string{"artifact/log"}) {
		t.Errorf("%+v", sum)
	}
	if !bytes.Contains(dst.all.Bytes(), []byte(src.blobs["log"])) {
		t.Error("the blob did not arrive whole")
	}
}

// A broken run's counts travel in its cursor.
func TestResumed(t *testing.T) {
	first := &sink{}
	src := planted()
	src.stop = 5
	s := scanner(t)
	if _, err := agentstate.Copy(context.Background(), first, secrets.Scan(src, s, secrets.Options{}), nil); err == nil {
		t.Fatal("the source did not break off")
	}
	if strings.Contains(string(first.cursor), password) {
		t.Error("the cursor holds a secret")
	}
	src.stop = 0
	second := &sink{from: first.cursor}
	if _, err := agentstate.Copy(context.Background(), second, secrets.Scan(src, s, secrets.Options{}), nil); err != nil {
		t.Fatal(err)
	}
	if len(second.records) != 2 { // the row, whose mark was not reached, and the statement
		t.Fatalf("%d records", len(second.records))
	}
	if places, records := secrets.Of(second.records[1].(*pb.Completeness)).Total(); places != 9 || records != 3 {
		t.Errorf("%d places in %d records", places, records)
	}
	for name, dst := range map[string]*sink{"of no scan": {from: []byte("at 3")}, "cut": {from: first.cursor[:9]}} {
		if _, err := agentstate.Copy(context.Background(), dst, secrets.Scan(src, s, secrets.Options{}), nil); !errors.Is(err, agentstate.ErrCursor) {
			t.Errorf("a cursor %s: %v", name, err)
		}
	}
	if _, err := agentstate.Copy(context.Background(), &sink{from: first.cursor}, secrets.Scan(src, s, secrets.Options{Mode: secrets.Redact}), nil); !errors.Is(err, agentstate.ErrCursor) {
		t.Errorf("a cursor of another mode: %v", err)
	}
}

// What an earlier scan said is not kept beside what this one says; what was taken out stays said.
func TestAgain(t *testing.T) {
	first := &sink{}
	s := scanner(t)
	if _, err := agentstate.Copy(context.Background(), first, secrets.Scan(planted(), s, secrets.Options{Mode: secrets.Redact}), nil); err != nil {
		t.Fatal(err)
	}
	again := &source{records: first.records, blobs: map[string]string{"data/b/1": "nothing"}}
	second := &sink{}
	if _, err := agentstate.Copy(context.Background(), second, secrets.Scan(again, s, secrets.Options{}), nil); err != nil {
		t.Fatal(err)
	}
	if got := labels(second.records, agentstate.LabelSecrets); len(got) != 0 {
		t.Errorf("found again: %v", got)
	}
	if got := labels(second.records, agentstate.LabelRedacted); len(got) != 3 {
		t.Errorf("what was taken out is said of %v", got)
	}
	if got := labels(second.records, agentstate.LabelScan); len(got) != 1 || strings.Count(fmt.Sprint(second.records[len(second.records)-1]), "secrets-scan") != 1 {
		t.Errorf("scans %v", got)
	}
}

// Of a part of an archive, what is left is counted.
func TestRecount(t *testing.T) {
	for _, mode := range []secrets.Mode{secrets.Label, secrets.Redact} {
		first := &sink{}
		if _, err := agentstate.Copy(context.Background(), first, secrets.Scan(planted(), scanner(t), secrets.Options{Mode: mode}), nil); err != nil {
			t.Fatal(err)
		}
		part := &source{records: slices.DeleteFunc(first.records, func(r agentstate.Record) bool {
			return agentstate.KindOf(r) == "message" || agentstate.KindOf(r) == "artifact"
		})}
		second := &sink{}
		if _, err := agentstate.Copy(context.Background(), second, secrets.Recount(part), nil); err != nil {
			t.Fatal(err)
		}
		sum := secrets.Of(second.records[len(second.records)-1].(*pb.Completeness))
		if places, records := sum.Total(); places != 3 || records != 1 || sum.Mode != mode.String() || sum.Rules == "" {
			t.Errorf("%v: %+v", mode, sum)
		}
	}
	plain := &sink{}
	if _, err := agentstate.Copy(context.Background(), plain, secrets.Recount(planted()), nil); err != nil {
		t.Fatal(err)
	}
	if got := labels(plain.records, agentstate.LabelScan); len(got) > 0 {
		t.Errorf("nobody scanned: %v", got)
	}
}

// A record full of secrets is redacted in bounded time.
func TestManyValues(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "line %d pwd: s%dcr%dt!value\n", i, i, i)
	}
	src := &source{records: []agentstate.Record{
		&pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "x"},
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "a"), Content: &pb.Memory_Text{Text: b.String()}},
		&pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x")},
	}}
	dst := &sink{}
	if _, err := agentstate.Copy(context.Background(), dst, secrets.Scan(src, scanner(t), secrets.Options{Mode: secrets.Redact}), nil); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(dst.all.Bytes(), []byte("t!value")) {
		t.Error("a value is left")
	}
	if places, _ := secrets.Of(dst.records[2].(*pb.Completeness)).Total(); places != 3000 {
		t.Errorf("%d places, want 3000", places)
	}
}
