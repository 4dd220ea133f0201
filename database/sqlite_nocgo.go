//go:build !cgo

package database

import sqldriver "database/sql/driver"

var cgoSQLite sqldriver.Driver

func mattnCode(error) int { return 0 }
