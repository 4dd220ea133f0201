package database

import (
	"context"

	"github.com/pump-go/sessions/driver"
)

// renewer is a store whose database can give a session a new key in one statement.
// MySQL cannot: its INSERT ... SELECT locks what it reads or not, as the isolation
// level has it, and a transaction would take more round trips than two Saves.
type renewer struct{ *store }

var _ driver.Renewer = renewer{}

// asRenewer returns the store, as a driver.Renewer if it is one.
func (s *store) asRenewer() driver.Store {
	if s.dialect.renew == "" {
		return s
	}
	return renewer{s}
}

// Renew implements driver.Renewer.
func (s renewer) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	for _, r := range []*driver.Record{&forward, &rec} {
		if err := checkSize("renew", r); err != nil {
			return err
		}
	}
	if err := s.enter(ctx); err != nil {
		return s.failWrite(ctx, "renew", notSent{err})
	}
	defer s.gate.Leave()
	args := append(make([]any, 0, 17), s.cfg.Namespace, oldKey[:], int64(old), s.now())
	args = append(args, values(&oldKey, &forward)...)
	args = append(append(args, key[:]), values(&key, &rec)...)
	n, err := s.renew.exec(ctx, args...)
	if s.dialect.classify(err) == duplicate {
		return driver.ErrConflict
	}
	return s.outcome(ctx, "renew", n, err)
}

// values returns the values of the columns that a record sets, in the order of columns.
func values(key *driver.Key, rec *driver.Record) []any {
	return []any{int64(rec.Version), int64(rec.Created), int64(rec.Accessed), int64(rec.Expires), []byte(rec.Owner), encode(key, rec)}
}
