//go:build cgo

package database

import (
	sqldriver "database/sql/driver"
	"errors"

	"github.com/mattn/go-sqlite3"
)

// cgoSQLite is the driver on the C library.
var cgoSQLite sqldriver.Driver = &sqlite3.SQLiteDriver{}

func mattnCode(err error) int {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return int(e.Code)
	}
	return 0
}
