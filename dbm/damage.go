package dbm

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// ErrDamaged says that the database itself is damaged, beyond one record: the
// file is cut short, overwritten, or no database at all. It is not
// driver.ErrCorrupt, so that nobody is logged out because of it.
var ErrDamaged = errors.New("the database file is damaged")

// damage is what bbolt panicked with.
type damage struct {
	reason any
	// stuck: bbolt's own locks are still held. The database cannot even be
	// closed.
	stuck bool
	// unwritten: the panic came out of the transaction's function, before
	// anything was written.
	unwritten bool
}

func (d *damage) Error() string { return fmt.Sprintf("%v: %v", ErrDamaged, d.reason) }

func (d *damage) Unwrap() error { return ErrDamaged }

func isStuck(err error) bool {
	if err == nil {
		return false // spares the reader an allocation
	}
	var d *damage
	return errors.As(err, &d) && d.stuck
}

// view is db.View, where a panic is an error. bbolt panics on pages that make
// no sense, and the mapped memory faults where the file has been cut short.
func view(db *bbolt.DB, f func(*bbolt.Tx) error) error {
	g := guard{f: f}
	return g.run(db.View)
}

// update is db.Update, where a panic is an error.
func update(db *bbolt.DB, f func(*bbolt.Tx) error) error {
	g := guard{f: f}
	return g.run(db.Update)
}

// guard is a transaction's function, and how far it came.
type guard struct {
	f     func(*bbolt.Tx) error
	tx    *bbolt.Tx
	ended bool
}

func (g *guard) run(transaction func(func(*bbolt.Tx) error) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			// A transaction that was closed has given its locks back.
			err = &damage{reason: reason, stuck: g.tx == nil || g.tx.DB() != nil, unwritten: g.tx != nil && !g.ended}
		}
	}()
	return transaction(g.call)
}

func (g *guard) call(tx *bbolt.Tx) error {
	g.tx = tx
	err := g.f(tx)
	g.ended = true
	return err
}
