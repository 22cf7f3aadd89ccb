package pgsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Wrap says what an error of the server means, without values. Detail and Where may quote them, and so may the message
// of what a type does not take and of what a function of an application raised.
func (s *Server) Wrap(err error) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		switch {
		case err == nil, errors.Is(err, replay.ErrRule), errors.Is(err, ErrUnreachable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return err
		case broke(err):
			return fmt.Errorf("%w: %s: the connection broke off: %w; run again", ErrUnreachable, s, err)
		}
		return fmt.Errorf("%s: %w", s, err)
	}
	what := said(pe)
	switch pe.Code {
	case "42501":
		return fmt.Errorf("%w: %s: %s", ErrForbidden, s, what)
	case "57P01", "57P02", "57P03":
		return fmt.Errorf("%w: %s: the server ended the connection, or is shutting down (SQLSTATE %s); run again", ErrUnreachable, s, pe.Code)
	case "08P01":
		switch {
		case !ofPooler(pe):
		case strings.Contains(pe.Message, "pooling mode"):
			what += "; want a pooler in transaction or session mode"
		default:
			return s.noServer(pe)
		}
	case "55P03", "40P01", "40001":
		if pe.Code == "40001" && s.reads.Load() { // what only reads is in nobody's way but a standby's
			what += " (a standby that runs longer behind keeps rows for its readers: max_standby_streaming_delay, hot_standby_feedback)"
		}
		longer := ""
		if pe.Code == "55P03" { // the URL stays as it is: a journal is of one
			longer = ", with PGOPTIONS='-c lock_timeout=10min' to wait longer"
		}
		return fmt.Errorf("%w: %s: %s; run again%s", ErrBusy, s, what, longer)
	case "22021":
		if pe.Where == "" { // no rule of anybody: a database of SQL_ASCII takes any bytes, and they cannot be read
			return fmt.Errorf("%s: a text that the database holds, or that comes, is not UTF-8 (SQLSTATE %s): where the database's encoding is SQL_ASCII, which checks nothing, have its texts made UTF-8", s, pe.Code)
		}
	case "22P05":
		if pe.Routine == "report_untranslatable_char" { // and no NUL in JSON; the message has the character's bytes
			return fmt.Errorf("%s: the encoding of the database lacks a character that comes (SQLSTATE %s): want a database that was made with ENCODING 'UTF8' TEMPLATE template0", s, pe.Code)
		}
	}
	if s.reads.Load() || !ruled(pe) { // no row comes or goes where one is read
		if class := pe.Code[:min(2, len(pe.Code))]; class == "53" || class == "57" { // it has no room or memory left, or somebody ended the statement
			err = agentstate.Unanswered(fmt.Sprintf("%s: %s (SQLSTATE %s)", s, what, pe.Code))
			if pe.Code == "53400" { // a limit that was set, as temp_file_limit
				err = agentstate.Lasting(err)
			}
			return err
		}
		return fmt.Errorf("%s: %s (SQLSTATE %s)", s, what, pe.Code)
	}
	if tooLarge(pe) {
		return fmt.Errorf("%w: %s: %s (SQLSTATE %s): where an index of your own holds the value, drop it first; a key of the runtime's own that is too long fits no database of PostgreSQL", ErrLimit, s, what, pe.Code)
	}
	return fmt.Errorf("%w: %s: %s (SQLSTATE %s): a row comes or goes only where this is satisfied or dropped: do that first", replay.ErrRule, s, what, pe.Code)
}

// ofPooler tells whether pe is a pooler's word, and not of the server behind it.
func ofPooler(pe *pgconn.PgError) bool { return pe.Code == "08P01" && pe.Routine == "" }

// noServer is what a pooler says when the server behind it crashed, does not answer, or has no connection left.
func (s *Server) noServer(pe *pgconn.PgError) error {
	return fmt.Errorf("%w: %s: a pooler in front of it says: %s (SQLSTATE %s); run again", ErrUnreachable, s, said(pe), pe.Code)
}

// broke tells whether err is of a connection, as where a server that crashed or a proxy ended it without a word. The error of
// any call has the methods of a net.Error, also where a disk is full here.
func broke(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || ended(err) || pgconn.SafeToRetry(err) // the last: it had broken before
}

// ended tells whether the other side closed a connection.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// RolledBack tells whether err, of a commit, is the server's word that nothing of it counts: a rule that is looked at
// then, or another transaction, was in its way. Where the connection broke nobody knows.
func RolledBack(err error) bool { return errors.Is(err, replay.ErrRule) || errors.Is(err, ErrBusy) }

// tooLarge tells whether a value is longer or deeper than the server holds.
func tooLarge(pe *pgconn.PgError) bool { return pe.Code == "54000" || pe.Code == "54001" }

// ruled tells whether a rule of the database or a limit of the server kept a row out, or in. A key that is taken is said
// elsewhere.
func ruled(pe *pgconn.PgError) bool {
	switch pe.Code[:min(2, len(pe.Code))] {
	case "22", "23", "P0":
		return true
	case "0A":
		return pe.File == "rewriteHandler.c" // a RULE of the table
	case "55":
		return pe.File == "execIndexing.c" // a deferrable constraint, past which no INSERT with ON CONFLICT goes
	}
	return tooLarge(pe) || pe.Where != "" && !troubled(pe)
}

// said is the message of pe where it holds no value, else what was refused and where.
func said(pe *pgconn.PgError) string {
	var what string
	switch {
	case strings.HasPrefix(pe.Code, "22"):
		what = "a value is not one that its type, a cast or a function takes"
	case slices.Contains([]string{"55P03", "40P01", "40001"}, pe.Code) && strings.HasPrefix(pe.Where, "while "): // it waited for a row
		return pe.Message
	case pe.Where != "" && !troubled(pe) || strings.HasPrefix(pe.Code, "P0"):
		what = "it was refused"
	default:
		return pe.Message
	}
	raised := false
	if rest, ok := strings.CutPrefix(pe.Where, "PL/pgSQL function "); ok { // else a statement may come first
		name, _, _ := strings.Cut(rest, "(")
		line, _, _ := strings.Cut(rest, "\n")
		raised = strings.HasSuffix(line, " at RAISE") // which may name things as it likes
		what += fmt.Sprintf(", by the function or trigger function %q", name)
	}
	for _, p := range [][2]string{{"schema", pe.SchemaName}, {"table", pe.TableName}, {"column", pe.ColumnName}, {"type", pe.DataTypeName}, {"constraint", pe.ConstraintName}} {
		if p[1] != "" && !raised {
			what += fmt.Sprintf(", %s %q", p[0], p[1])
		}
	}
	return what
}

// troubled tells whether the server itself is in trouble: it has no room, shuts down, or finds a page damaged. A function
// may raise the same codes.
func troubled(pe *pgconn.PgError) bool {
	class := pe.Code[:min(2, len(pe.Code))]
	return slices.Contains([]string{"53", "57", "58", "XX"}, class) && !strings.Contains(pe.Where, "function")
}
