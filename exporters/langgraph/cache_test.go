package langgraph

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A cache of many small values takes no more memory than it may: what a record costs beside its bytes counts.
func TestCacheOfSmallValues(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const limit = 8 << 20
	before, c := heap(), newCache(limit)
	for i := range 30_000 {
		key := agentstate.Key("channelvalue", "thread", "", "messages", fmt.Sprintf("%032d.0.%016d", i, i))
		row := &pb.Row{}
		for _, name := range strings.Fields("thread_id checkpoint_ns channel version type blob") {
			row.Columns = append(row.Columns, &pb.Column{Name: strings.Clone(name), Value: &pb.Column_Text{Text: []byte(name)}})
		}
		c.add(key, &pb.ChannelValue{
			Meta: &pb.Meta{Key: key, Native: []*pb.Native{{Type: "row", Body: &pb.Native_Row{Row: row}}}}, Channel: "messages", Version: fmt.Sprintf("%032d.0.%016d", i, i), Serializer: "msgpack",
			ConversationKey: agentstate.Key("conversation", "thread"), Value: agentstate.Inline("application/vnd.msgpack", []byte{byte(i)}),
		})
	}
	if got := heap() - before; got > limit*5/4 {
		t.Errorf("%d bytes, may have %d", got, limit)
	}
	if c.order.Len() < 1000 {
		t.Errorf("%d values are kept", c.order.Len())
	}
}
