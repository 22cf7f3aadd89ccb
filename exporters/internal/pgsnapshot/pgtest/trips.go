package pgtest

import (
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
)

// Trips is a URL of the same database, and how often since the last call somebody asked there and waited for the answer.
func Trips(t testing.TB, rawURL string) (counted string, trips func() int64) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal("no URL")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	server, n := u.Host, &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				c.Close()
				continue
			}
			asked := &atomic.Bool{}
			go pass(s, c, func() {
				if !asked.Swap(true) {
					n.Add(1)
				}
			})
			go pass(c, s, func() { asked.Store(false) })
		}
	}()
	u.Host = l.Addr().String()
	return u.String(), func() int64 { return n.Swap(0) }
}

// pass carries what from says to to, each piece after a call of noted.
func pass(to io.WriteCloser, from io.Reader, noted func()) {
	defer to.Close()
	for b := make([]byte, 1<<16); ; {
		n, err := from.Read(b)
		if n > 0 {
			noted()
			_, werr := to.Write(b[:n])
			if werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
