// Package pgsnapshot reaches the PostgreSQL databases of runtimes: it takes URLs apart, connects,
// sets a transaction up in which values have one text form whatever the server and the role say,
// and says of an error what it means.
//
// Its errors have no package prefix, and never hold a URL, a password or a value: the driver that
// uses it adds its own prefix.
package pgsnapshot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
)

// Errors that callers act on.
var (
	ErrLogin       = agentstate.Lasting(agentstate.Unanswered("login refused"))
	ErrUnreachable = agentstate.Unanswered("no connection to the server")
	// ErrNoDatabase is an answer: the server is there, and does not have it.
	ErrNoDatabase = errors.New("no such database")
	ErrForbidden  = errors.New("permission missing")
	ErrBusy       = agentstate.Unanswered("another transaction was in the way")
	// ErrLimit: a row is more than the server holds, as a key that is too long for an index. It is a replay.ErrRule.
	ErrLimit = fmt.Errorf("%w: a limit of the server", replay.ErrRule)
)

// A Server is where a PostgreSQL store is.
type Server struct {
	// Schema is what ?search_path= of the URL names; nil: the server's default.
	Schema []string

	conn  *pgx.ConnConfig
	reads atomic.Bool // the last transaction writes nothing
}

var errURL = fmt.Errorf("%w: want RUNTIME+postgres://user@host:port/database?search_path=schema", exporters.ErrURL)

// Parse takes a postgres:// URL apart. ?search_path= names schemas, split at commas, with quoted
// names as they are. As in every client of PostgreSQL, PGPASSWORD and ~/.pgpass count where the
// URL has no password.
func Parse(rawURL string) (*Server, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" && u.Query().Get("service") == "" {
		return nil, errURL
	}
	q := u.Query()
	path := splitPath(q.Get("search_path"))
	q.Del("search_path")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // as in libpq, + is a plus: options=-c%20name%3Dvalue
	cfg, err := pgx.ParseConfig(u.String())
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return nil, fmt.Errorf("%w: a file that it names cannot be read: %w", exporters.ErrURL, pe)
	}
	if err != nil {
		return nil, errURL
	}
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: poolers lose them
	}
	if !q.Has("connect_timeout") {
		cfg.ConnectTimeout = 15 * time.Second // not the two minutes of a silent firewall
	}
	return &Server{conn: cfg, Schema: path}, nil
}

// String is host, port and database, without user and password.
func (s *Server) String() string {
	return fmt.Sprintf("%s:%d/%s", s.conn.Host, s.conn.Port, s.conn.Database)
}

// Connect opens a connection. Its errors name server, user and database, never a secret.
func (s *Server) Connect(ctx context.Context) (*pgx.Conn, error) {
	var pe *pgconn.PgError
	var err error
	for wait := 50 * time.Millisecond; wait < time.Second; wait *= 2 {
		var conn *pgx.Conn
		if conn, err = pgx.ConnectConfig(ctx, s.conn); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if pe = nil; !errors.As(err, &pe) || pe.Code != "53300" {
			break
		}
		select { // the server may still be ending our own one before, where a role may have one
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
	if pe != nil {
		return nil, s.refused(pe)
	}
	return nil, s.unreached(err)
}

// unreached says why no server answered.
func (s *Server) unreached(err error) error {
	why := "no answer"
	unreachable := ErrUnreachable
	var op *net.OpError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		return fmt.Errorf("%w: %s: TLS: its certificate is not accepted: %w; check host, sslmode and sslrootcert of the URL", agentstate.Lasting(ErrUnreachable), s, cert.Err)
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrReadWriteConnection), errors.Is(err, pgconn.ErrPrimaryConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return fmt.Errorf("%w: no host of the URL, which begins with %s, is what its target_session_attrs asks for", ErrUnreachable, s)
	case errors.As(err, &dns):
		if why = "no host of this name"; dns.IsNotFound { // else nobody was there to ask
			unreachable = agentstate.Lasting(ErrUnreachable)
		}
	case errors.As(err, &op):
		why = op.Err.Error()
	case ended(err): // also in the middle of a handshake
		why = "it ended the connection"
	case pgconn.Timeout(err): // maybe of one that takes no TLS
	case strings.Contains(err.Error(), "tls") || strings.Contains(err.Error(), "TLS"):
		why, unreachable = "TLS: the server and sslmode of the URL do not agree", agentstate.Lasting(ErrUnreachable)
	case strings.Contains(err.Error(), "password"):
		return fmt.Errorf("%w: %s refuses user %q; check the password in the URL, PGPASSWORD or ~/.pgpass", ErrLogin, s, s.conn.User)
	}
	return fmt.Errorf("%w: %s: %s; is the server running, and may this machine reach it?", unreachable, s, why)
}

// refused says what the server, or a pooler in front of it, refused a login for.
func (s *Server) refused(pe *pgconn.PgError) error {
	code := pe.Code
	if ofPooler(pe) {
		switch {
		case strings.HasPrefix(pe.Message, "database ") && strings.HasSuffix(pe.Message, " does not exist"):
			code = "3D000"
		case strings.Contains(pe.Message, "startup parameter"):
			code = "42704"
		case slices.ContainsFunc(passing[:], func(of string) bool { return strings.Contains(pe.Message, of) }):
			return s.noServer(pe)
		}
	}
	switch code {
	case "28P01", "28000":
		return fmt.Errorf("%w: %s refuses user %q: %s; check the password in the URL, PGPASSWORD or ~/.pgpass", ErrLogin, s, s.conn.User, pe.Message)
	case "42501":
		want := "CONNECT for user"
		if pe.Routine != "" && pe.Routine != "CheckMyDatabase" { // of a setting that goes with the login, or of a role
			want = "behind the ? of the URL, and in PGOPTIONS, what may be set by user"
		}
		return fmt.Errorf("%w: %s: %s: want %s %q", ErrForbidden, s, pe.Message, want, s.conn.User)
	case "3D000":
		return fmt.Errorf("%w: %s: the server says so; check the name in the URL, or make it", ErrNoDatabase, s)
	case "53300":
		return fmt.Errorf("%w: %s: too many connections; try again later", ErrUnreachable, s)
	case "57P01", "57P02", "57P03":
		if strings.HasPrefix(pe.Detail, "Hot standby mode is disabled") {
			return fmt.Errorf("%w: %s: a standby that answers nobody: hot_standby is off", agentstate.Lasting(ErrUnreachable), s)
		}
		return fmt.Errorf("%w: %s: %s (SQLSTATE %s); run again", ErrUnreachable, s, pe.Message, pe.Code)
	case "42704", "42602", "22023", "55P02": // of the settings that go with the login
		return fmt.Errorf("%w: %s: %s (SQLSTATE %s); what a URL has behind its ? and neither the driver nor the connection knows is a setting of the server", exporters.ErrURL, s, pe.Message, pe.Code)
	}
	return fmt.Errorf("%w: %s: %s (SQLSTATE %s)", ErrLogin, s, pe.Message, pe.Code)
}

// passing is in what a pooler says where it has no connection, or the server behind it does not answer. What else it says at a
// login is of the login, as a setting that it does not take.
var passing = [...]string{"query_wait_timeout", "login_timeout", "login has been failing", "cannot connect", "no more connections", "server conn", "server closed", "shut"}

// settings, run first in a transaction, make text forms of values independent of server and role. Whoever holds a lock for
// longer than a minute is said to, in place of waiting without a word; a lock_timeout of the URL, the role or the database stands, also
// one of 0: for ever. What is said to be written is on the server's disk, also where the owner lets commits not wait for that.
const settings = `SET LOCAL client_encoding = 'UTF8'; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL standard_conforming_strings = on;
SET LOCAL IntervalStyle = 'postgres'; SET LOCAL quote_all_identifiers = off;
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT set_config(name, '1min', true) FROM pg_settings WHERE name = 'lock_timeout' AND setting = '0' AND source IN ('default', 'configuration file');
SELECT set_config(name, 'local', true) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off';
SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'` // which servers have from 17 on

// Open connects and starts a transaction that reads one snapshot. Row-level security is off in
// it: a table of which the role sees a part is refused, not cut.
func (s *Server) Open(ctx context.Context) (*pgx.Conn, error) {
	return s.Begin(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
}

// Begin connects and starts a transaction with the statement begin. Close the connection to end
// it without effect.
func (s *Server) Begin(ctx context.Context, begin string) (*pgx.Conn, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s.reads.Store(strings.Contains(begin, "READ ONLY"))
	for _, q := range []string{begin, settings, "SET LOCAL row_security = off"} {
		if _, err := conn.Exec(ctx, q, pgx.QueryExecModeSimpleProtocol); err != nil {
			conn.Close(ctx)
			return nil, s.Wrap(err)
		}
	}
	return conn, nil
}

// TakesRows refuses a database that takes no rows, for conn, which may only read: a run would find out at its first row.
func (s *Server) TakesRows(ctx context.Context, conn *pgx.Conn) error {
	var not bool
	err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool").Scan(&not)
	if err == nil && not {
		return fmt.Errorf("%w: %s: the target is read-only: a standby, or default_transaction_read_only is on for the role or the database; want one that may be written to", ErrForbidden, s)
	}
	return s.Wrap(err)
}

// Shared is what Begin begins a second transaction with, which sees what that of conn sees, for as long as
// that one lasts; empty: the server may not offer it, and asking would end the transaction.
func (s *Server) Shared(ctx context.Context, conn *pgx.Conn) (begin string, err error) {
	var ok bool
	if err := conn.QueryRow(ctx, "SELECT version() LIKE 'PostgreSQL %' AND NOT pg_is_in_recovery()").Scan(&ok); err != nil || !ok {
		return "", s.Wrap(err)
	}
	var id string
	if err := conn.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&id); err != nil {
		return "", s.Wrap(err)
	}
	return "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT '" + strings.ReplaceAll(id, "'", "''") + "'", nil
}

// Schemas are the schemas in which tables are looked up, by their exact names. An unquoted name is
// taken as it is if there is such a schema, else folded as PostgreSQL does.
func (s *Server) Schemas(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	names := func(q string, args ...any) ([]string, error) {
		rows, err := conn.Query(ctx, q, args...)
		if err != nil {
			return nil, s.Wrap(err)
		}
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		return out, s.Wrap(err)
	}
	if len(s.Schema) == 0 {
		out, err := names("SELECT unnest(current_schemas(false))::text")
		if err == nil && len(out) == 0 {
			out = []string{"public"}
		}
		return out, err
	}
	const find = "SELECT nspname::text FROM pg_namespace WHERE nspname = $1"
	out := slices.Clone(s.Schema)
	for i, w := range out {
		got, err := names(find, w)
		if err != nil {
			return nil, err
		}
		if folded := strings.ToLower(w); len(got) == 0 && folded != w {
			if got, err = names(find, folded); err != nil {
				return nil, err
			}
			if len(got) > 0 {
				out[i] = folded
			}
		}
	}
	return out, nil
}

// splitPath takes a search_path apart at its commas. Quoted names stay as they are.
func splitPath(s string) []string {
	var out []string
	var cur strings.Builder
	quoted := false
	flush := func() {
		if v := strings.TrimSpace(cur.String()); v != "" {
			out = append(out, v)
		}
		cur.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			cur.WriteByte('"')
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			flush()
		default:
			cur.WriteByte(s[i])
		}
	}
	flush()
	return out
}

// Rebind turns each ? of a statement into $1, $2, …; it must have no other question marks.
func Rebind(q string) string {
	var b strings.Builder
	n := 0
	for _, c := range q {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
	return b.String()
}
