package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

// store implements driver.Store on a pool of connections.
type store struct {
	cfg       driver.Config
	opts      Options
	pool      *pool
	dialect   *dialect
	names     names
	mayResend bool          // see pool.mayResend
	ready     atomic.Bool   // the tables exist and are of a known version
	tablesSem chan struct{} // held by the call that checks or creates them
	gate      driver.Gate
	stop      func() // stops the sweeper

	load, create, replace, replaceData, replaceExpired, renew, touch, touched, remove, removeAt, sweep, all, owned *statement
	statements                                                                                                     []*statement
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

const (
	insert   = `INSERT INTO {table} (namespace, id, version, created, accessed, expires, owner, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	set      = `UPDATE {table} SET version = ?, created = ?, accessed = ?, expires = ?, owner = ?, data = ?`
	whereKey = ` WHERE namespace = ? AND id = ?`
	andLive  = ` AND version = ? AND expires > ?`
)

func newStore(cfg driver.Config, p *pool, o Options) (*store, error) {
	d, err := p.dialect.dialect()
	if err != nil {
		return nil, err
	}
	n, err := o.names(p.dialect, d.quote)
	if err != nil {
		return nil, err
	}
	s := &store{cfg: cfg, opts: o, pool: p, dialect: d, names: n, mayResend: p.mayResend(), tablesSem: make(chan struct{}, 1)}
	s.load = s.statement(`SELECT ` + columns + ` FROM {table}` + whereKey + ` AND expires > ?`)
	if d.create != "" {
		s.create = s.statement(d.create)
	} else {
		s.create = s.statement(insert)
		s.replaceExpired = s.statement(set + whereKey + ` AND expires <= ?`)
	}
	s.replace = s.statement(set + whereKey + andLive)
	s.replaceData = s.statement(`UPDATE {table} SET version = ?, created = ?, accessed = ?, data = ?` + whereKey + andLive + ` AND expires = ? AND owner = ?`)
	s.renew = s.statement(d.renew)
	s.touch = s.statement(`UPDATE {table} SET accessed = ?, expires = ?` + whereKey + andLive)
	s.touched = s.statement(`SELECT 1 FROM {table}` + whereKey + andLive + ` AND accessed = ? AND expires = ?`)
	s.remove = s.statement(`DELETE FROM {table}` + whereKey)
	s.removeAt = s.statement(`DELETE FROM {table}` + whereKey + andLive)
	s.sweep = s.statement(d.sweep)
	const list = `SELECT id, ` + columns + ` FROM {table} WHERE namespace = ? AND id > ? AND expires > ?`
	s.all = s.statement(list + ` ORDER BY id LIMIT ?`)
	s.owned = s.statement(list + ` AND owner = ?` + d.ownerIndex + ` ORDER BY id LIMIT ?`)
	s.stop = driver.StartSweeper(cfg, s.Sweep)
	return s, nil
}

// now is the configured clock's time, as it is stored.
func (s *store) now() int64 { return int64(driver.MillisOf(s.cfg.Now())) }

// enter admits a call and makes sure that the tables exist. If it returns nil, the
// caller must leave the gate.
func (s *store) enter(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	err := ctx.Err()
	if err == nil {
		err = s.ensureTables(ctx)
	}
	if err != nil {
		s.gate.Leave()
	}
	return err
}

// fail wraps an error with the package and the operation, and with the context's
// error if the context has ended.
func (s *store) fail(ctx context.Context, op string, err error) error {
	if end := contextErr(ctx); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("database: %s: %w: %w", op, end, err)
	}
	if s.dialect.classify(err) == tooLarge {
		return fmt.Errorf("database: %s: %w: %w", op, driver.ErrTooLarge, err)
	}
	return fmt.Errorf("database: %s: %w", op, err)
}

// contextErr returns the error of a context that has ended, or nil. A deadline set
// on the network connection can pass a moment before the context's timer fires.
func contextErr(ctx context.Context) error {
	if at, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(at) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// Load implements driver.Store.
func (s *store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := s.enter(ctx); err != nil {
		return driver.Record{}, s.fail(ctx, "load", err)
	}
	defer s.gate.Leave()
	var r row
	found := false
	err := s.load.query(ctx, func(rows *sql.Rows) error {
		if found = rows.Next(); !found {
			return nil
		}
		return rows.Scan(r.fields()...)
	}, s.cfg.Namespace, key[:], s.now())
	switch {
	case err != nil:
		return driver.Record{}, s.fail(ctx, "load", err)
	case !found:
		return driver.Record{}, driver.ErrNotFound
	}
	rec, err := r.record(&key)
	if err != nil {
		return driver.Record{}, s.fail(ctx, "load", err)
	}
	if s.dialect.rewritesNamedIndexes {
		rec.Hint = rec.Expires
	}
	return rec, nil
}

// failWrite is fail for a write. It adds driver.ErrNotWritten if the write
// certainly did not run.
func (s *store) failWrite(ctx context.Context, op string, err error) error {
	switch class := s.dialect.classify(err); {
	case class == tooLarge, errors.Is(err, driver.ErrClosed): // which say so themselves
	case class != unknown, errors.As(err, new(notSent)):
		err = fmt.Errorf("%w: %w", driver.ErrNotWritten, err)
	}
	return s.fail(ctx, op, err)
}

// outcome returns the contract's error for a conditional write that changed n rows.
func (s *store) outcome(ctx context.Context, op string, n int64, err error) error {
	switch {
	case err != nil:
		return s.failWrite(ctx, op, err)
	case n == 0:
		return driver.ErrConflict
	}
	return nil
}

// Save implements driver.Store.
func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := checkSize("save", &rec); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "save", notSent{err})
	}
	defer s.gate.Leave()
	var n int64
	var err error
	data, now := encode(&key, &rec), s.now()
	if old == 0 {
		n, err = s.insert(ctx, key, rec, data, now)
	} else {
		n, err = s.update(ctx, key, old, rec, data, now)
	}
	return s.outcome(ctx, "save", n, err)
}

func checkSize(op string, rec *driver.Record) error {
	switch {
	case len(rec.Data) > MaxData:
		return fmt.Errorf("database: %s: data of %d bytes, at most %d: %w", op, len(rec.Data), MaxData, driver.ErrTooLarge)
	case len(rec.Owner) > driver.MaxOwner:
		return fmt.Errorf("database: %s: owner of %d bytes, at most %d: %w", op, len(rec.Owner), driver.MaxOwner, driver.ErrTooLarge)
	}
	return nil
}

// insert creates a record, in place of an expired one if there is one. It returns
// how many rows it wrote.
func (s *store) insert(ctx context.Context, key driver.Key, rec driver.Record, data []byte, now int64) (int64, error) {
	args := []any{s.cfg.Namespace, key[:], int64(rec.Version), int64(rec.Created), int64(rec.Accessed), int64(rec.Expires), []byte(rec.Owner), data}
	if s.replaceExpired == nil {
		return s.create.exec(ctx, append(args, now)...)
	}
	// MySQL's upsert does not report what it did, so these are two statements,
	// each with an outcome of its own. The row may be swept between them.
	for {
		n, err := s.create.exec(ctx, args...)
		if err == nil || s.dialect.classify(err) != duplicate {
			return n, err
		}
		n, err = s.replaceExpired.exec(ctx, append(args[2:8:8], s.cfg.Namespace, key[:], now)...)
		if n > 0 || err != nil {
			return n, err
		}
		there := false
		err = s.load.query(ctx, func(rows *sql.Rows) error { there = rows.Next(); return nil }, s.cfg.Namespace, key[:], now)
		if err != nil {
			return 0, notSent{err}
		}
		if there {
			return 0, nil
		}
	}
}

// update replaces a record. SQLite rewrites the index of each column that a
// statement names. If the expiry is the one that was loaded, the first statement
// therefore names neither expiry nor owner, and requires both to be as stored.
func (s *store) update(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record, data []byte, now int64) (int64, error) {
	if hint, ok := rec.Hint.(driver.Millis); ok && hint == rec.Expires {
		n, err := s.replaceData.exec(ctx, int64(rec.Version), int64(rec.Created), int64(rec.Accessed), data,
			s.cfg.Namespace, key[:], int64(old), now, int64(rec.Expires), []byte(rec.Owner))
		if n > 0 || err != nil {
			return n, err
		}
	}
	return s.replace.exec(ctx, int64(rec.Version), int64(rec.Created), int64(rec.Accessed), int64(rec.Expires), []byte(rec.Owner), data,
		s.cfg.Namespace, key[:], int64(old), now)
}

// Touch implements driver.Store.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "touch", notSent{err})
	}
	defer s.gate.Leave()
	now := s.now()
	n, err := s.touch.exec(ctx, int64(rec.Accessed), int64(rec.Expires), s.cfg.Namespace, key[:], int64(rec.Version), now)
	if n == 0 && err == nil && s.pool.dialect == MySQL && !s.pool.owned {
		// Without clientFoundRows, MySQL does not count a row that had these values.
		err = s.touched.query(ctx, func(rows *sql.Rows) error {
			if rows.Next() {
				n = 1
			}
			return nil
		}, s.cfg.Namespace, key[:], int64(rec.Version), now, int64(rec.Accessed), int64(rec.Expires))
	}
	return s.outcome(ctx, "touch", n, err)
}

// Delete implements driver.Store.
func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "delete", notSent{err})
	}
	defer s.gate.Leave()
	if version == 0 {
		_, err := s.remove.exec(ctx, s.cfg.Namespace, key[:])
		return s.outcome(ctx, "delete", 1, err)
	}
	n, err := s.removeAt.exec(ctx, s.cfg.Namespace, key[:], int64(version), s.now())
	return s.outcome(ctx, "delete", n, err)
}

// Close stops the sweeper, waits for calls in progress, and closes the pool if
// the store opened it.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(func() error {
		if s.pool.owned {
			if err := s.pool.close(); err != nil {
				return fmt.Errorf("database: close: %w", err)
			}
			return nil
		}
		for _, st := range s.statements {
			_ = st.close() // fails on broken connections, which have nothing left to close
		}
		return nil
	})
}
