//go:build !cgo

package database

import "errors"

func mattnCode(error) int { return 0 }

func (t *target) openSQLite(string) (*pool, error) {
	return nil, errors.New("SQLite needs cgo, which this program was built without: " +
		"build it with CGO_ENABLED=1 and a C compiler such as gcc, or use PostgreSQL or MySQL")
}
