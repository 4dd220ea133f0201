package database

import (
	"database/sql/driver"
	"errors"
)

var errLost = errors.New("the connection was lost; the outcome is unknown")

// sendOnceArg is an argument of a write. It records that the write was about to
// be sent, and it can refuse to be sent twice: database/sql sends a statement
// again when the driver reports a bad connection, and lib/pq reports one also
// where the statement may have run.
type sendOnceArg struct {
	v    driver.Value
	once bool
	sent bool
}

// Value is called for each attempt, before any of it is sent.
func (a *sendOnceArg) Value() (driver.Value, error) {
	if a.sent && a.once {
		return nil, errLost
	}
	a.sent = true
	return a.v, nil
}

// notSent marks an error that came before the write was sent.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }
