package cassette

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// kept is what a Recorder has on disk. Records reads it while its reader opens blobs of it.
type kept struct {
	mu sync.Mutex
	m  *diskmap.Map
}

func newKept(dir string) (*kept, error) {
	m, err := diskmap.New(dir)
	if err != nil {
		return nil, err
	}
	return &kept{m: m}, nil
}

func (k *kept) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m.Close()
}

func place(c *conversation, what string, i int) string {
	return fmt.Sprintf("%d/%s/%s/%d", c.run, c.name(), what, i)
}

func (k *kept) put(c *conversation, what string, i int, b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m.Put(place(c, what, i), b)
}

// get is what was put; nothing where nothing was.
func (k *kept) get(c *conversation, what string, i int) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, _, err := k.m.Get(place(c, what, i))
	return b, err
}

func (k *kept) putMessage(c *conversation, i int, m *pb.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	return k.put(c, "message", i, b)
}

func (k *kept) message(c *conversation, i int) (*pb.Message, error) {
	b, err := k.get(c, "message", i)
	if err != nil {
		return nil, err
	}
	m := &pb.Message{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("cassette: %w", err)
	}
	if m.Meta == nil {
		m.Meta = &pb.Meta{}
	}
	return m, nil
}
