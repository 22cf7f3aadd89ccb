package formattest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/heappeak"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func verifyDeep(b []byte, o *format.VerifyOptions) error {
	o.Policy = format.IntegrityOnly()
	_, err := format.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	return err
}

// A record of 63 MiB of zeros in a few kilobytes is refused, and takes no more than its shard.
func TestBomb(t *testing.T) {
	f := base(t).editRecord("memory", 1, func(rec []byte) []byte {
		m := &pb.Memory{}
		if err := proto.Unmarshal(rec, m); err != nil {
			t.Fatal(err)
		}
		m.Meta.Native[0].Body = &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Inline{Inline: make([]byte, 63<<20)}}}
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	b := f.bytes()
	f = nil
	var err error
	grown := heappeak.Growth(func() { err = verifyDeep(b, &format.VerifyOptions{}) })
	if format.Class(err) != "limit" || grown > 160<<20 {
		t.Errorf("%d MiB, %v", grown>>20, err)
	}
}

// Shards of 16 MiB of zeros, 320 MiB in a hundred kilobytes, are within the limits. Memory is
// that of as many of them as there are workers, however many there are.
func TestHonestBomb(t *testing.T) {
	const shards = 20
	opts := plain()
	opts.ShardSize = 16 << 20
	var out bytes.Buffer
	w, err := format.NewWriter(&out, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range shards {
		m := &pb.Opaque{Meta: meta("opaque", fmt.Sprint(i))}
		m.Meta.Native = []*pb.Native{{Type: "x", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Inline{Inline: make([]byte, 16<<20-200)}}}}}
		if err := w.Put(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 2<<20 {
		t.Fatal(out.Len())
	}
	o := &format.VerifyOptions{}
	o.Workers = 2
	grown := heappeak.Growth(func() { err = verifyDeep(out.Bytes(), o) })
	t.Logf("verify: %d MiB for %d MiB raw, %d bytes stored", grown>>20, shards*16, out.Len())
	if err != nil || grown > 128<<20 {
		t.Errorf("verify: %d MiB, %v", grown>>20, err)
	}
	n := 0
	grown = heappeak.Growth(func() {
		r, e := format.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()), &format.ReaderOptions{Policy: format.IntegrityOnly(), Workers: 2})
		if e != nil {
			t.Fatal(e)
		}
		for _, e := range r.Records(context.Background(), nil) {
			if e != nil {
				t.Fatal(e)
			}
			n++
		}
	})
	t.Logf("read: %d MiB", grown>>20)
	if n != shards || grown > 256<<20 {
		t.Errorf("read: %d records, %d MiB", n, grown>>20)
	}
}

// Many members: each record in a shard of its own. EXITRAMP_LOAD=1 makes more of them than 16 bits count; that those are
// written and read is a test of the container.
func TestManyMembers(t *testing.T) {
	n := loadtest.Of(5_000, 65_600)
	opts := plain()
	opts.ShardSize = 1
	var out bytes.Buffer
	w, err := format.NewWriter(&out, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Put(context.Background(), &pb.Opaque{Meta: meta("opaque", fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	v, err := format.Verify(context.Background(), bytes.NewReader(out.Bytes()), int64(out.Len()), &format.VerifyOptions{ReaderOptions: format.ReaderOptions{Policy: format.IntegrityOnly()}})
	if err != nil || v.Members <= n || v.Records["opaque"] != uint64(n) {
		t.Fatal(v, err)
	}
	r, err := format.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()), &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Get(context.Background(), fmt.Sprintf("opaque/%d", n-1)); err != nil || rec.GetMeta().GetKey() != fmt.Sprintf("opaque/%d", n-1) {
		t.Error(rec, err)
	}
}
