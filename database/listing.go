package database

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// pageSize is how many records a listing reads at a time.
const pageSize = 100

// All implements driver.Lister.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, s.all)
}

// Owned implements driver.Owners.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	if owner == "" {
		return s.list(ctx, nil)
	}
	return s.list(ctx, s.owned, []byte(owner))
}

// list yields the records in the order of their keys. It reads a whole page before
// it yields any of it, so that it holds no connection while it yields.
func (s *store) list(ctx context.Context, st *statement, more ...any) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		after := []byte{}
		for {
			rows, err := s.page(ctx, st, after, more)
			if err != nil {
				yield(driver.Entry{}, s.fail(ctx, "list", err))
				return
			}
			for _, r := range rows {
				after = r.id
				e, err := r.entry()
				if err != nil {
					err = s.fail(ctx, "list", err)
				}
				if !yield(e, err) {
					return
				}
			}
			if len(rows) < pageSize {
				return
			}
		}
	}
}

// page reads the records after a key.
func (s *store) page(ctx context.Context, st *statement, after []byte, more []any) (rs []row, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	if st == nil {
		return nil, nil
	}
	args := append([]any{s.cfg.Namespace, after, s.now()}, more...)
	err = st.query(ctx, func(rows *sql.Rows) error {
		rs = rs[:0]
		for rows.Next() {
			var r row
			if err := rows.Scan(append([]any{&r.id}, r.fields()...)...); err != nil {
				return err
			}
			rs = append(rs, r)
		}
		return nil
	}, append(args, pageSize)...)
	return rs, err
}

// entry returns the row's key and record. If the record is damaged, the entry has
// its key.
func (r *row) entry() (driver.Entry, error) {
	var e driver.Entry
	if len(r.id) != len(e.Key) {
		return e, fmt.Errorf("a key of %d bytes: %w", len(r.id), driver.ErrCorrupt)
	}
	copy(e.Key[:], r.id)
	var err error
	e.Record, err = r.record(&e.Key)
	return e, err
}
