package sharedbolt

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// ErrDamaged is returned when the file is not an intact bbolt database.
var ErrDamaged = errors.New("the database file is damaged")

// damage is a panic of bbolt. It is an ErrDamaged.
type damage struct {
	reason any
	// stuck reports that bbolt's own locks are still held, so that not even
	// bbolt.DB.Close returns.
	stuck bool
	// unwritten reports that the transaction's function panicked, before
	// anything was written to the file.
	unwritten bool
}

func (d *damage) Error() string { return fmt.Sprintf("%v: %v", ErrDamaged, d.reason) }

func (d *damage) Unwrap() error { return ErrDamaged }

func isStuck(err error) bool {
	if err == nil {
		return false // without the allocation of errors.As
	}
	var d *damage
	return errors.As(err, &d) && d.stuck
}

// view is db.View that returns a panic as an error. bbolt panics on pages that
// make no sense, and the mapped memory faults if the file has been truncated.
func view(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	g := guard{fn: fn}
	return g.run(db.View)
}

// update is db.Update that returns a panic as an error.
func update(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	g := guard{fn: fn}
	return g.run(db.Update)
}

// guard runs a transaction and records how far it came.
type guard struct {
	fn       func(*bbolt.Tx) error
	tx       *bbolt.Tx
	returned bool // fn has returned
}

func (g *guard) run(transaction func(func(*bbolt.Tx) error) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			// A transaction that has ended has no database, and has released
			// its locks.
			err = &damage{reason: reason, stuck: g.tx == nil || g.tx.DB() != nil, unwritten: g.tx != nil && !g.returned}
		}
	}()
	return transaction(g.call)
}

func (g *guard) call(tx *bbolt.Tx) error {
	g.tx = tx
	err := g.fn(tx)
	g.returned = true
	return err
}
