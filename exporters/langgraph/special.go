package langgraph

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// JavaScript's savers keep what a task asked, was told and failed by under indices of their own, so that it is replaced by what
// the task asks or is told next, and stands in the way of no result. Those for SQLite learned this late: up to 1.0.1 such
// writes were numbered like all others. In PostgreSQL a question that is numbered so would stay beside the next one, an answer would be
// given twice, and the first result of a task that failed would not be kept.

const newIndex = "the library's saver for PostgreSQL has such a write under this index, and replaces it there when the task runs on"

// behind is added to the index of such a write where the task has one for the same purpose before it: the library reads it behind
// that one, as it did, and no result has such an index. What the task asks or is told next took the place of the first there, too.
// One that comes from PostgreSQL by way of SQLite has it already: a second time is beyond the 32 bits that PostgreSQL has for it.
const behind = 1 << 30

// specialIndex is the index of writes to channel; 0: it is an ordinary channel.
func specialIndex(channel string) int64 {
	switch channel {
	case channelError:
		return -1
	case "__scheduled__":
		return -2
	case channelInterrupt:
		return -3
	case channelResume:
		return -4
	}
	return 0
}

// index is the index of p in the target.
func (w *writer) index(ctx context.Context, p *pb.PendingWrite) (int64, error) {
	to := specialIndex(p.Channel)
	if to == 0 || p.Index < 0 || p.Index >= behind || w.same() || w.lay.flavor() != "js+postgres" || strings.Contains(p.Meta.Key, "~") { // a part was cut: an undo would not find the row by its key
		return p.Index, nil
	}
	for at, next := to, p.Index-1; ; at, next = next, next-1 {
		rec, err := w.resolver().Get(ctx, indexed(p.Meta.Key, at))
		first, ok := rec.(*pb.PendingWrite)
		switch none := errors.Is(err, agentstate.ErrNotFound); {
		case err != nil && !none:
			return 0, err
		case ok && !none && first.Channel == p.Channel:
			return p.Index + behind, nil
		case next < 0 || none && at >= 0: // they are numbered without a gap
			return to, nil
		}
	}
}

// indexed is the key of a write with another index.
func indexed(key string, index int64) string {
	return key[:strings.LastIndexByte(key, '/')+1] + strconv.FormatInt(index, 10)
}
