package openaiagents

import (
	"context"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestOneConnection: a pooler that has one connection to give lets the second one wait for the first. A reading does not.
func TestOneConnection(t *testing.T) {
	u, err := url.Parse(pgtest.Database(t, tables(ownNames()), "INSERT INTO agent_sessions VALUES ('s', now(), now())"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server, one := u.Host, make(chan struct{}, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				one <- struct{}{}
				defer func() { <-one }()
				s, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer s.Close()
				go func() { io.Copy(s, c); s.Close() }()
				io.Copy(c, s)
			}()
		}
	}()
	u.Host, u.RawQuery = l.Addr().String(), "connect_timeout=60"
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	n := 0
	for _, err := range postgres(t, u.String()).Records(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n == 0 {
		t.Error("no record")
	}
}
