package database

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// statement is one of the store's statements. It is prepared when it is first
// used; database/sql prepares it again on each other connection.
type statement struct {
	s    *store
	text string
	mu   sync.Mutex
	stmt *sql.Stmt
}

// statement returns the statement of a query with the tables' names in braces and
// question marks for its values.
func (s *store) statement(query string) *statement {
	text := s.names.sql(query)
	if s.pool.dialect == PostgreSQL {
		text = numberPlaceholders(text)
	}
	st := &statement{s: s, text: text}
	s.statements = append(s.statements, st)
	return st
}

// prepared returns the prepared statement.
func (st *statement) prepared(ctx context.Context) (*sql.Stmt, error) {
	st.mu.Lock()
	stmt := st.stmt
	st.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := st.s.pool.PrepareContext(ctx, st.text) // without the lock: the server may not answer
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stmt == nil {
		st.stmt = stmt
		return stmt, nil
	}
	_ = stmt.Close() // another call was faster
	return st.stmt, nil
}

func (st *statement) close() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stmt == nil {
		return nil
	}
	return st.stmt.Close()
}

// exec runs a write and returns how many rows it changed. After an error the
// outcome is unknown, unless the error is notSent or its class is certain.
func (st *statement) exec(ctx context.Context, args ...any) (n int64, err error) {
	s := st.s
	if s.pool.writerSem != nil {
		if err := acquire(ctx, s.pool.writerSem); err != nil {
			return 0, notSent{err}
		}
		defer func() { <-s.pool.writerSem }()
	}
	err = s.run(ctx, grace, func(ctx context.Context) error {
		n, err = st.execOnce(ctx, args)
		return err
	})
	s.wrote(n, args)
	return n, err
}

// execOnce runs a write that is sent to the server at most once.
func (st *statement) execOnce(ctx context.Context, args []any) (int64, error) {
	var res sql.Result
	if st.s.opts.NoPrepare {
		// On a reserved connection, database/sql does not send a statement twice.
		conn, err := st.s.pool.Conn(ctx)
		if err != nil {
			return 0, notSent{err}
		}
		defer conn.Close()
		text, args, err := st.unprepared(args)
		if err != nil {
			return 0, notSent{err}
		}
		if res, err = conn.ExecContext(ctx, text, args...); err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
	stmt, err := st.prepared(ctx)
	if err != nil {
		return 0, notSent{err}
	}
	first := args[0]
	arg := &sendOnceArg{v: first, once: st.s.mayResend}
	args[0] = arg
	defer func() { args[0] = first }()
	res, err = stmt.ExecContext(ctx, args...)
	switch {
	case err == nil:
		return res.RowsAffected()
	case !arg.sent:
		return 0, notSent{err}
	case errors.Is(err, errLost):
		return 0, errLost // without database/sql's words about the argument
	}
	return 0, err
}

// unprepared returns the text and arguments of the statement for sending it without
// preparing it. For MySQL the values are in the text.
func (st *statement) unprepared(args []any) (string, []any, error) {
	if st.s.pool.dialect != MySQL {
		return st.text, args, nil
	}
	text, err := withLiterals(st.text, args)
	return text, nil, err
}

// query runs a read and calls f with its rows. f may be called again, after an
// error that concerns other calls, and must then start over.
func (st *statement) query(ctx context.Context, f func(*sql.Rows) error, args ...any) error {
	return st.s.run(ctx, 0, func(ctx context.Context) (err error) {
		var rows *sql.Rows
		if st.s.opts.NoPrepare {
			var text string
			var bound []any
			if text, bound, err = st.unprepared(args); err == nil {
				rows, err = st.s.pool.QueryContext(ctx, text, bound...)
			}
		} else {
			var stmt *sql.Stmt
			if stmt, err = st.prepared(ctx); err == nil {
				rows, err = stmt.QueryContext(ctx, args...)
			}
		}
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := f(rows); err != nil {
			return err
		}
		return rows.Err()
	})
}

// maxBusy is how long a statement is retried that fails because of other calls.
const maxBusy = 5 * time.Second

// run runs f. It runs f again while it fails with an error of class busy, and once
// if its connection is read-only and another may not be; in both cases f has
// changed nothing. f is interrupted when ctx has ended and grace has passed.
func (s *store) run(ctx context.Context, grace time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return notSent{err}
	}
	inner := ctx
	switch {
	case s.pool.writerSem != nil:
		inner = context.Background()
	case s.pool.callSem != nil:
		if err := acquire(ctx, s.pool.callSem); err != nil {
			return notSent{err}
		}
		defer func() { <-s.pool.callSem }()
		c := newCallContext(ctx, grace)
		defer c.release()
		inner = c
	case grace > 0:
		later, release := withGrace(ctx)
		defer release()
		inner = later
	}
	var firstBusy time.Time
	reconnected := false
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		err := f(inner)
		if err == nil {
			return nil
		}
		switch s.dialect.classify(err) {
		case busy:
		case readOnly:
			if reconnected || !s.pool.dropReadOnly() {
				return err
			}
			reconnected = true
			continue
		case noTable:
			s.ready.Store(false) // the next call creates it
			return err
		default:
			return err
		}
		switch now := time.Now(); {
		case firstBusy.IsZero():
			firstBusy = now
		case now.Sub(firstBusy) > maxBusy:
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
