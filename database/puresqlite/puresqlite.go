// Package puresqlite gives the database store SQLite without cgo, in pure Go. A
// program imports it for its effect, beside the store:
//
//	import (
//		_ "github.com/pump-go/sessions/database"
//		_ "github.com/pump-go/sessions/database/puresqlite"
//	)
//
// URLs, options and files are the same as with the C library. Where this package is
// imported it serves every SQLite URL, with cgo or without, so that a program behaves
// the same however it is built. Reads and writes take a few microseconds longer; the
// project's docs/choices.md has the figures.
//
// Do not open the same file through the C library in the same process, for example
// with a pool of your own: each of the two releases the other's file locks.
//
// The driver is modernc.org/sqlite. It is registered with database/sql under the name
// "sqlite", for pools of your own.
package puresqlite

import (
	"modernc.org/sqlite"

	"github.com/pump-go/sessions/database"
)

func init() { database.RegisterSQLite(&sqlite.Driver{}) }
