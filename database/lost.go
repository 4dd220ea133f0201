package database

import (
	"database/sql/driver"
	"errors"
)

var errLost = errors.New("the connection was lost; the outcome is unknown")

// once is an argument that can be sent once. database/sql sends a statement
// again when the driver says that the connection is bad, and lib/pq says so
// also where the statement may have run; a write must not run twice.
type once struct {
	v    driver.Value
	sent bool
}

// Value is called for each attempt, before anything of it is sent.
func (o *once) Value() (driver.Value, error) {
	if o.sent {
		return nil, errLost
	}
	o.sent = true
	return o.v, nil
}
