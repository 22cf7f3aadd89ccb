package pgsnapshot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// allowed is a server by a role that may have so many connections.
func allowed(t *testing.T, connections int) *Server {
	u := pgtest.Database(t)
	role := fmt.Sprintf("exitramp_%d_of_%d", os.Getpid(), connections+1)
	pgtest.Exec(t, u, fmt.Sprintf("CREATE ROLE %s LOGIN CONNECTION LIMIT %d", role, connections))
	t.Cleanup(func() { pgtest.Exec(t, os.Getenv("EXITRAMP_TEST_POSTGRES"), "DROP ROLE "+role) })
	at, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.User(role)
	s, err := Parse(at.String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLastOneEnding: where a role may have one connection, the server may not have ended the one before when the next one comes.
func TestLastOneEnding(t *testing.T) {
	s := allowed(t, 1)
	first, err := s.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { first.Close(t.Context()) })
	next, err := s.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close(t.Context())
	if _, err := s.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "too many connections") {
		t.Error(err)
	}
}

// TestConnectStops: who waits for a connection that is the server's last stops when told to.
func TestConnectStops(t *testing.T) {
	s := allowed(t, 0)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(500*time.Millisecond, func() { cancel(nil) }) // in a wait of 400 ms
	begun := time.Now()
	if _, err := s.Connect(ctx); !errors.Is(err, context.Canceled) || time.Since(begun) > 700*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

// TestOddRole: how a role has names and values written changes nothing.
func TestOddRole(t *testing.T) {
	u := pgtest.Database(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database());
		EXECUTE format('ALTER DATABASE %I SET IntervalStyle = sql_standard', current_database()); END $$`)
	s, err := Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	if err := conn.QueryRow(t.Context(), "SELECT format_type('jsonb'::regtype, -1) || ' ' || interval '1 day 2 hours'").Scan(&got); err != nil || got != "jsonb 1 day 02:00:00" {
		t.Error(got, err)
	}
}

// TestCommitWaits: what was said to be written is there after a crash, though the owner lets commits not wait for the disk.
func TestCommitWaits(t *testing.T) {
	for owner, want := range map[string]string{"off": "local", "on": "on", "remote_apply": "remote_apply"} {
		s, err := Parse(pgtest.Database(t, fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET synchronous_commit = %s', current_database()); END $$", owner)))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.Begin(t.Context(), "BEGIN")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		var got string
		if err := conn.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&got); err != nil || got != want {
			t.Errorf("the owner's %s: %s, %v", owner, got, err)
		}
	}
}

// TestAdvice: what ends a reading for a reason of the place it goes through is said with what to do there.
func TestAdvice(t *testing.T) {
	s, err := Parse("postgres://host/db")
	if err != nil {
		t.Fatal(err)
	}
	s.reads.Store(true)
	for _, c := range []struct {
		err  pgconn.PgError
		want string
	}{
		{pgconn.PgError{Code: "40001", Message: "canceling statement due to conflict with recovery", Routine: "ProcessInterrupts"}, "hot_standby_feedback"},
		{pgconn.PgError{Code: "08P01", Message: "transaction blocks not allowed in statement pooling mode"}, "transaction or session mode"},
		{pgconn.PgError{Code: "08P01", Message: "server conn crashed?"}, "no connection to the server: host:5432/db: a pooler in front of it says: server conn crashed? (SQLSTATE 08P01); run again"},
		{pgconn.PgError{Code: "08P01", Message: "invalid message format", Routine: "pq_getmsgend"}, "host:5432/db: invalid message format (SQLSTATE 08P01)"},
		{pgconn.PgError{Code: "57P01", Routine: "ProcessInterrupts"}, "run again"},
	} {
		if err := s.Wrap(&c.err); !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %s, got %v", c.want, err)
		}
	}
}

// TestBrokenOff: a connection that ends without a word of the server is no answer.
func TestBrokenOff(t *testing.T) {
	s, err := Parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.PgConn().Conn().Close()
	for _, when := range []string{"breaks", "is broken"} {
		_, err := conn.Exec(t.Context(), "SELECT 1")
		if err = s.Wrap(err); !errors.Is(err, ErrUnreachable) || s.Wrap(err) != err {
			t.Errorf("%s: %v", when, err)
		}
	}
	if err := s.Wrap(fmt.Errorf("receive: %w", io.ErrUnexpectedEOF)); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC} // of what is noted here of an answer
	if err := s.Wrap(full); errors.Is(err, ErrUnreachable) || !errors.Is(err, full) {
		t.Error(err)
	}
}

// TestLasting: a program that asks again and again is told what it waits for in vain, and what passes is not said to be a refused login.
func TestLasting(t *testing.T) {
	s, err := Parse("postgres://host/db")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  pgconn.PgError
		is   error
		last bool
	}{
		{pgconn.PgError{Code: "28P01", Message: "password authentication failed"}, ErrLogin, true},
		{pgconn.PgError{Code: "55000", Message: "database \"db\" is not currently accepting connections"}, ErrLogin, true},
		{pgconn.PgError{Code: "57P03", Message: "the database system is not accepting connections", Detail: "Hot standby mode is disabled."}, ErrUnreachable, true},
		{pgconn.PgError{Code: "57P03", Message: "the database system is not yet accepting connections"}, ErrUnreachable, false},
		{pgconn.PgError{Code: "53300", Message: "sorry, too many clients already"}, ErrUnreachable, false},
		// of PgBouncer
		{pgconn.PgError{Code: "08P01", Message: "query_wait_timeout"}, ErrUnreachable, false},
		{pgconn.PgError{Code: "08P01", Message: "server login has been failing, try again later (server_login_retry)"}, ErrUnreachable, false},
		{pgconn.PgError{Code: "08P01", Message: "no more connections allowed (max_client_conn)"}, ErrUnreachable, false},
		{pgconn.PgError{Code: "08P01", Message: "bouncer config error"}, ErrLogin, true},
		{pgconn.PgError{Code: "08P01", Message: "role \"r\" does not exist"}, ErrLogin, true},
	} {
		err := s.refused(&c.err)
		if !errors.Is(err, c.is) || agentstate.IsLasting(err) != c.last || !agentstate.IsUnanswered(err) {
			t.Errorf("%s %s: %v, lasting %v", c.err.Code, c.err.Message, err, agentstate.IsLasting(err))
		}
	}
	for code, last := range map[string]bool{"53400": true, "53100": false, "57014": false} {
		if err := s.Wrap(&pgconn.PgError{Code: code}); agentstate.IsLasting(err) != last || !agentstate.IsUnanswered(err) {
			t.Errorf("%s: %v", code, err)
		}
	}
	for err, last := range map[error]bool{
		&net.DNSError{Name: "host", IsNotFound: true}:                             true,
		&net.DNSError{Name: "host", IsTemporary: true}:                            false,
		&tls.CertificateVerificationError{Err: errors.New("by nobody")}:           true,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}:                       false,
		fmt.Errorf("host: %w", errors.New("server refused TLS connection")):       true,
		fmt.Errorf("in the middle of a handshake for TLS: %w", io.EOF):            false,
		fmt.Errorf("of two hosts, one at least: %w", pgconn.ErrPrimaryConnection): false, // while another becomes the primary
	} {
		if got := s.unreached(err); !errors.Is(got, ErrUnreachable) || agentstate.IsLasting(got) != last {
			t.Errorf("%v: %v, lasting %v", err, got, agentstate.IsLasting(got))
		}
	}
}

// TestMayNotConnect: who may not connect to the database is told so, not that a login was refused, which may be mended elsewhere.
func TestMayNotConnect(t *testing.T) {
	s := allowed(t, -1)
	pgtest.Exec(t, os.Getenv("EXITRAMP_TEST_POSTGRES"), fmt.Sprintf("REVOKE CONNECT ON DATABASE %s FROM PUBLIC", s.conn.Database))
	if _, err := s.Connect(t.Context()); !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "want CONNECT") {
		t.Error(err)
	}
}

// TestSilent: a server that takes no TLS and then says nothing is not said to be one of another sslmode, which would last.
func TestSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			c.Write([]byte("N"))
		}
	}()
	s, err := Parse("postgres://" + l.Addr().String() + "/d?sslmode=prefer&connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Connect(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no answer") || agentstate.IsLasting(err) {
		t.Error(err)
	}
}

// TestMayNotSet: a setting that the user may not make is no missing CONNECT.
func TestMayNotSet(t *testing.T) {
	s := allowed(t, -1)
	for setting, value := range map[string]string{"log_statement": "all", "role": "postgres"} {
		s.conn.RuntimeParams["options"] = "-c " + setting + "=" + value
		if _, err := s.Connect(t.Context()); !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "CONNECT") || !strings.Contains(err.Error(), "PGOPTIONS") || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// answering is the URL of a server that answers whatever comes with so many bytes, and ends the connection.
func answering(t *testing.T, with string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1<<10))
			c.Write([]byte(with))
			c.Close()
		}
	}()
	mode := "prefer"
	if with != "" { // which is no answer to who asks for TLS
		mode = "disable"
	}
	return "postgres://u:s3cret@" + l.Addr().String() + "/d?sslmode=" + mode
}

// refusing is a server's refusal of a login.
func refusing(code, message string) string {
	text := "SFATAL\x00C" + code + "\x00M" + message + "\x00\x00"
	return "E\x00\x00\x00" + string(rune(len(text)+4)) + text
}

// TestConnectSays: what keeps a connection from being made is said as what it is.
func TestConnectSays(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // as a server with a certificate of nobody
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.ReadFull(c, make([]byte, 8))
				c.Write([]byte("S"))
				s, err := net.Dial("tcp", secure.Listener.Addr().String())
				if err != nil {
					return
				}
				defer s.Close()
				go func() { io.Copy(s, c); s.Close() }()
				io.Copy(c, s)
			}()
		}
	}()
	for _, c := range []struct{ url, want string }{
		{answering(t, ""), "it ended the connection"},                                            // as a server that crashes
		{answering(t, refusing("57P03", "wait")), "no connection to the server"},                 // while it starts
		{answering(t, refusing("08P01", "query_wait_timeout")), "no connection to the server: "}, // of a pooler whose server is gone,
		{answering(t, refusing("08P01", "no more connections allowed (max_client_conn)")), "no connection to the server: "},
		{answering(t, refusing("08P01", "no such user")), "login refused"},
		{answering(t, refusing("08P01", "unsupported startup parameter: flavor")), "what a URL has behind its ?"},
		{answering(t, refusing("08P01", "SASL authentication failed")), "login refused"},
		{"postgres://u:s3cret@" + l.Addr().String() + "/d?sslmode=verify-full", "certificate is not accepted"},
		{pgtest.Database(t) + "?target_session_attrs=standby", "target_session_attrs"},
		{pgtest.Database(t) + "?flavor=python", `unrecognized configuration parameter "flavor" (SQLSTATE 42704); what a URL`},
	} {
		s, err := Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("want %s, got %v", c.want, err)
		}
	}
	none := filepath.Join(t.TempDir(), "none.pem")
	if _, err := Parse("postgres://u:s3cret@host/d?sslmode=verify-full&sslrootcert=" + none); err == nil || !strings.Contains(err.Error(), none) || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
	services := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(services, []byte("[here]\nhost=db.example\nport=7\ndbname=d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSERVICEFILE", services)
	if s, err := Parse("postgres:///?service=here"); err != nil || s.String() != "db.example:7/d" {
		t.Error(s, err)
	}
}
