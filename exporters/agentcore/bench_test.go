package agentcore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// BenchmarkRate reads from a service that answers in 20 ms and allows 100 requests a second of each
// operation, which the driver has to find out. allowed/% is the share of the allowed requests that
// were made and answered; refused/% the 429s among all.
func BenchmarkRate(b *testing.B) {
	const rate = 100
	o := agentcorefake.Options{Latency: 20 * time.Millisecond}
	for b.Loop() {
		w := newWorld(b, agentcorefake.Options{})
		mem := *must(w.cp.CreateMemory(b.Context(), &cp.CreateMemoryInput{Name: aws.String("many"), EventExpiryDuration: aws.Int32(30)}))(b).Memory.Id
		for i := range 3000 {
			must(w.dp.CreateEvent(b.Context(), &dp.CreateEventInput{MemoryId: &mem, ActorId: aws.String(fmt.Sprintf("a%d", i/100)), SessionId: aws.String(fmt.Sprintf("s%d", i)), EventTimestamp: aws.Time(time.UnixMilli(int64(i))),
				Payload: []types.PayloadType{say(types.RoleUser, "hello")}}))(b)
		}
		w.fake.Slow(o.Latency, rate)
		from := len(w.fake.Calls())
		start := time.Now()
		n := 0
		for r, err := range New(Options{Region: "eu-central-1", Memory: mem, Config: &w.cfg}).Records(context.Background(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			if agentstate.KindOf(r) == "message" {
				n++
			}
		}
		took := time.Since(start).Seconds()
		ok, all := 0, 0
		for _, c := range w.fake.Calls()[from:] {
			if c.Op == "ListEvents" {
				all++
				if c.Status == 200 {
					ok++
				}
			}
		}
		if n != 3000 {
			b.Fatalf("%d events", n)
		}
		b.ReportMetric(100*float64(ok)/took/rate, "allowed/%")
		b.ReportMetric(100*float64(all-ok)/float64(all), "refused/%")
	}
}
