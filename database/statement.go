package database

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pump-go/sessions/internal/sem"
)

// statement is one of the store's statements, prepared when it is first used.
// database/sql prepares it again on each further connection.
type statement struct {
	s    *store
	text string
	mu   sync.Mutex
	stmt *sql.Stmt
}

func (s *store) statement(query string) *statement {
	text := s.names.sql(query)
	if s.pool.dialect == PostgreSQL {
		text = dollars(text)
	}
	st := &statement{s: s, text: text}
	s.statements = append(s.statements, st)
	return st
}

func (st *statement) prepared(ctx context.Context) (*sql.Stmt, error) {
	st.mu.Lock()
	stmt := st.stmt
	st.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := st.s.pool.PrepareContext(ctx, st.text) // not under the lock: a server may be silent
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stmt == nil {
		st.stmt = stmt
		return stmt, nil
	}
	_ = stmt.Close() // another call was quicker
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

// exec runs a write and returns how many rows it concerned. An error means
// that the outcome is unknown, unless it is notSent or its class says otherwise.
func (st *statement) exec(ctx context.Context, args ...any) (n int64, err error) {
	s := st.s
	if s.pool.alone != nil {
		if err := sem.Acquire(ctx, s.pool.alone); err != nil {
			return 0, notSent{err}
		}
		defer func() { <-s.pool.alone }()
	}
	err = s.try(ctx, grace, func(ctx context.Context) error {
		n, err = st.execOnce(ctx, args)
		return err
	})
	return n, err
}

func (st *statement) execOnce(ctx context.Context, args []any) (int64, error) {
	var res sql.Result
	if st.s.opts.NoPrepare {
		// On a connection of its own, where database/sql tries once.
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
	arg := &sendOnceArg{v: first, once: st.s.repeats}
	args[0] = arg
	defer func() { args[0] = first }()
	res, err = stmt.ExecContext(ctx, args...)
	switch {
	case err == nil:
		return res.RowsAffected()
	case !arg.sent:
		return 0, notSent{err}
	case errors.Is(err, errLost):
		return 0, errLost // without what database/sql says of the argument
	}
	return 0, err
}

// unprepared returns the text and the arguments of a statement that is sent
// without being prepared.
func (st *statement) unprepared(args []any) (string, []any, error) {
	if st.s.pool.dialect != MySQL {
		return st.text, args, nil
	}
	text, err := withLiterals(st.text, args)
	return text, nil, err
}

// query runs a read and gives its rows to f, which must have them all.
func (st *statement) query(ctx context.Context, f func(*sql.Rows) error, args ...any) error {
	return st.s.try(ctx, 0, func(ctx context.Context) (err error) {
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

// maxBusy is how long a statement is tried that the database keeps refusing
// because of others.
const maxBusy = 5 * time.Second

// try runs f, and again while it fails certainly and because of others alone, or
// once because its connection is read-only, which another need not be.
// So long after the end of ctx, f is cut short.
func (s *store) try(ctx context.Context, grace time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return notSent{err}
	}
	inner := ctx
	switch {
	case s.pool.alone != nil:
		inner = context.Background()
	case s.pool.slots != nil:
		if err := sem.Acquire(ctx, s.pool.slots); err != nil {
			return notSent{err}
		}
		defer func() { <-s.pool.slots }()
		c := newCall(ctx, grace)
		defer c.end()
		inner = c
	case grace > 0:
		later, release := withGrace(ctx)
		defer release()
		inner = later
	}
	var began time.Time
	renewed := false
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		err := f(inner)
		if err == nil {
			return nil
		}
		switch s.dialect.classify(err) {
		case busy:
		case readOnly:
			if renewed || !s.pool.renew() {
				return err
			}
			renewed = true
			continue
		case noTable:
			s.ready.Store(false) // the next call makes it again
			return err
		default:
			return err
		}
		switch now := time.Now(); {
		case began.IsZero():
			began = now
		case now.Sub(began) > maxBusy:
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
