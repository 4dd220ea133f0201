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

type store struct {
	cfg     driver.Config
	opts    Options
	pool    *pool
	dialect *dialect
	names   names
	// repeats tells that a write needs an argument that can be sent once.
	repeats   bool
	ready     atomic.Bool   // the tables are there
	preparing chan struct{} // held by the call that sees to it
	gate      driver.Gate
	stop      func() // ends the sweeper

	load, create, replace, replaceData, replaceExpired, touch, touched, remove, removeAt, sweep, all, owned *statement
	statements                                                                                              []*statement
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

const (
	insert = `INSERT INTO {table} (namespace, id, version, created, accessed, expires, owner, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	set    = `UPDATE {table} SET version = ?, created = ?, accessed = ?, expires = ?, owner = ?, data = ?`
	at     = ` WHERE namespace = ? AND id = ?`
	live   = ` AND version = ? AND expires > ?`
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
	s := &store{cfg: cfg, opts: o, pool: p, dialect: d, names: n, repeats: p.repeats(), preparing: make(chan struct{}, 1)}
	s.load = s.statement(`SELECT ` + columns + ` FROM {table}` + at + ` AND expires > ?`)
	if d.create != "" {
		s.create = s.statement(d.create)
	} else {
		s.create = s.statement(insert)
		s.replaceExpired = s.statement(set + at + ` AND expires <= ?`)
	}
	s.replace = s.statement(set + at + live)
	s.replaceData = s.statement(`UPDATE {table} SET version = ?, created = ?, accessed = ?, data = ?` + at + live + ` AND expires = ? AND owner = ?`)
	s.touch = s.statement(`UPDATE {table} SET accessed = ?, expires = ?` + at + live)
	s.touched = s.statement(`SELECT 1 FROM {table}` + at + live + ` AND accessed = ? AND expires = ?`)
	s.remove = s.statement(`DELETE FROM {table}` + at)
	s.removeAt = s.statement(`DELETE FROM {table}` + at + live)
	s.sweep = s.statement(d.sweep)
	const list = `SELECT id, ` + columns + ` FROM {table} WHERE namespace = ? AND id > ? AND expires > ?`
	s.all = s.statement(list + ` ORDER BY id LIMIT ?`)
	s.owned = s.statement(list + ` AND owner = ?` + d.ownerIndex + ` ORDER BY id LIMIT ?`)
	s.stop = driver.StartSweeper(cfg, s.Sweep)
	return s, nil
}

func (s *store) now() int64 { return int64(driver.MillisOf(s.cfg.Now())) }

// enter admits a call, which must leave the gate if there is no error.
func (s *store) enter(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	err := ctx.Err()
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		s.gate.Leave()
	}
	return err
}

// fail names the operation, and the context's end where that is the reason.
func (s *store) fail(ctx context.Context, op string, err error) error {
	if end := ended(ctx); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("database: %s: %w: %w", op, end, err)
	}
	if s.dialect.classify(err) == tooLarge {
		return fmt.Errorf("database: %s: %w: %w", op, driver.ErrTooLarge, err)
	}
	return fmt.Errorf("database: %s: %w", op, err)
}

// ended is why the context is over. The network keeps deadlines too, and may
// notice a moment before the context does.
func ended(ctx context.Context) error {
	if at, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(at) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

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
	if s.dialect.updatesAll {
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

// written returns the contract's error for the outcome of a conditional write of n rows.
func (s *store) written(ctx context.Context, op string, n int64, err error) error {
	switch {
	case err != nil:
		return s.failWrite(ctx, op, err)
	case n == 0:
		return driver.ErrConflict
	}
	return nil
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	switch {
	case len(rec.Data) > MaxData:
		return fmt.Errorf("database: save: data of %d bytes, at most %d: %w", len(rec.Data), MaxData, driver.ErrTooLarge)
	case len(rec.Owner) > driver.MaxOwner:
		return fmt.Errorf("database: save: owner of %d bytes, at most %d: %w", len(rec.Owner), driver.MaxOwner, driver.ErrTooLarge)
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
	return s.written(ctx, "save", n, err)
}

func (s *store) insert(ctx context.Context, key driver.Key, rec driver.Record, data []byte, now int64) (int64, error) {
	args := []any{s.cfg.Namespace, key[:], int64(rec.Version), int64(rec.Created), int64(rec.Accessed), int64(rec.Expires), []byte(rec.Owner), data}
	if s.replaceExpired == nil {
		return s.create.exec(ctx, append(args, now)...)
	}
	// MySQL's upsert does not tell what it did, so these are two steps, each
	// with its own certain outcome. Between them the row may be swept.
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

// update replaces a record. SQLite writes to an index for each column that a
// statement names, so if the record came with the expiry that it goes with,
// the first try names neither that nor the owner, on the condition that both
// are as stored.
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

func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "touch", notSent{err})
	}
	defer s.gate.Leave()
	now := s.now()
	n, err := s.touch.exec(ctx, int64(rec.Accessed), int64(rec.Expires), s.cfg.Namespace, key[:], int64(rec.Version), now)
	if n == 0 && err == nil && s.pool.dialect == MySQL && !s.pool.ours {
		// Without clientFoundRows, MySQL does not count a row that was so already.
		err = s.touched.query(ctx, func(rows *sql.Rows) error {
			if rows.Next() {
				n = 1
			}
			return nil
		}, s.cfg.Namespace, key[:], int64(rec.Version), now, int64(rec.Accessed), int64(rec.Expires))
	}
	return s.written(ctx, "touch", n, err)
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "delete", notSent{err})
	}
	defer s.gate.Leave()
	if version == 0 {
		_, err := s.remove.exec(ctx, s.cfg.Namespace, key[:])
		return s.written(ctx, "delete", 1, err)
	}
	n, err := s.removeAt.exec(ctx, s.cfg.Namespace, key[:], int64(version), s.now())
	return s.written(ctx, "delete", n, err)
}

// Close ends the sweeper, waits for the calls under way, and closes the pool
// if the store opened it.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(func() error {
		if s.pool.ours {
			if err := s.pool.close(); err != nil {
				return fmt.Errorf("database: close: %w", err)
			}
			return nil
		}
		for _, st := range s.statements {
			_ = st.close() // on a connection that broke there is nothing left to close
		}
		return nil
	})
}
