// Package puresqlite provides SQLite in pure Go, without cgo, for package database.
// Import it together with that package:
//
//	import (
//		_ "github.com/pump-go/sessions/database"
//		_ "github.com/pump-go/sessions/database/puresqlite"
//	)
//
// URLs, options and files are the same as with the C library. All SQLite URLs then use
// this package, in builds with and without cgo, so that both behave the same. Reads
// and writes take a few microseconds longer; the project's docs/choices.md has the
// figures.
//
// Do not open the same file through the C library in the same process, for example
// with a pool of your own: each of the two libraries releases the other's file locks.
//
// The driver is modernc.org/sqlite. It is registered with database/sql under the name
// "sqlite", for pools of your own.
package puresqlite

import (
	"modernc.org/sqlite"

	"github.com/pump-go/sessions/database"
)

func init() { database.RegisterSQLite(&sqlite.Driver{}) }
