// Package dbm is a session store in a go.etcd.io/bbolt database file.
//
// Use it for a program on one machine whose sessions must survive a restart and
// a power failure, without a database server. Several processes may share the
// file. A read takes a few microseconds. A write waits for the disk; writes that
// run at the same time share that wait. Use package file if each session should
// be a file of its own, and package database, memcached or google if several
// machines serve the same clients.
//
//	import _ "github.com/pump-go/sessions/dbm"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "dbm", DataDir: "/var/lib/app"})
//
// The file is sessions.db in DataDir. If it is missing it is created with mode
// 0600, and the directory with mode 0700, whatever the umask. The mode of an
// existing file is not changed. Several managers in one process may open the
// same file. They share their sessions if they have the same Namespace.
//
// [New] returns a driver with other [Options]. [NewWithDB] returns one for a
// database that the program has opened itself.
//
// # URLs
//
//	dbm:                            the file in DataDir; also dbm://
//	dbm:///var/lib/app/sessions.db  this file, in place of DataDir
//	dbm:data/sessions.db            the same, relative to the working directory
//	dbm:///C:/app/sessions.db       on Windows
//
// A URL has no parameters. Any parameter is an error.
//
// # Durability
//
// A save returns when its transaction is on the disk. It survives kill -9 and a
// power failure. The sync cannot be turned off: without it the disk
// may write the pages of the file in any order, and a power failure could then
// destroy the whole file, not only the last sessions. If you accept that, use
// NewWithDB with a bbolt.DB that has NoSync set.
//
// # Several processes
//
// bbolt locks a file for the process that has it open. The store therefore keeps
// the file open only while there are calls, and for Options.Linger after the last
// one. Two lock files, sessions.db.lock and sessions.db.turn, decide which process
// comes next. A single process never waits. When several are busy, each keeps the
// file for about 3 ms at a time, so a call may wait that long for each of the
// others. Opening the file takes about 200 µs.
//
// The lock files are next to the database, or in LockDir. All processes must use
// the same LockDir. The file must be on a local disk, because bbolt maps it into
// memory. The locks of a process that is killed are released at once. While a
// process is suspended (SIGSTOP) with the file open, the calls of the others fail
// at their deadlines.
//
// # Limits
//
// A session holds up to 16 MiB of data, its owner up to 255 bytes; a larger one
// is driver.ErrTooLarge. On the disk, a session takes the size of its data and
// about 140 bytes. An owner adds twice its length and 50 bytes. On average, the
// pages of the file are two thirds full.
//
// Expired sessions are removed in the background, and their space is used again.
// The file never shrinks: it stays as large as it was at the busiest time. It
// grows by doubling, and from 16 MiB on in steps of 16 MiB.
//
// # Backup and compaction
//
// Copy the file while no process has it open: hold its locks, on Linux with flock(1).
// Programs can keep running. Their calls wait for the copy, and fail after
// StoreTimeout:
//
//	cd /var/lib/app
//	flock sessions.db.turn flock sessions.db.lock cp sessions.db backup.db
//
// To restore a backup, or to compact the file with the command
// go.etcd.io/bbolt/cmd/bbolt, rename the new file over sessions.db in the same
// way. Running programs open the new file within milliseconds:
//
//	flock sessions.db.turn flock sessions.db.lock sh -c \
//		'bbolt compact -o new.db sessions.db && mv new.db sessions.db'
//
// A snapshot of the file system is a valid backup too.
//
// # Damage
//
// Each record has a checksum. A damaged record is driver.ErrCorrupt, and affects
// no other session. [ErrDamaged] is returned by every call that meets damage in
// the rest of the file: clients get the error page, and nobody is signed out.
// Replace the file by a backup, or remove it; the program continues without a
// restart. One kind of damage crashes the program: if pages refer to each other in a
// cycle, bbolt follows them until the stack overflows.
//
// # Files of other users
//
// Open returns an error for a directory that other users could replace or write
// to (see [driver.MakeDataDir]), and for a link, FIFO or another user's file in
// place of the database or a lock file. If something of that kind appears while
// the store is open, calls fail until the right file is back.
package dbm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbm/internal/sharedbolt"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("dbm", New(Options{})) }

// DefaultLinger is the default of Options.Linger.
const DefaultLinger = 100 * time.Millisecond

// ErrDamaged is returned when the database itself is damaged, not only a record:
// the file was truncated or overwritten, or is not a bbolt database. It is not a
// driver.ErrCorrupt, so that nobody is signed out because of it.
var ErrDamaged = sharedbolt.ErrDamaged

// MaxData is the maximum size of a record's Data, in bytes.
const MaxData = 16 << 20

// Options are the settings of a store that opens its file itself. The zero value
// is the registered default.
type Options struct {
	// Linger is how long the file stays open after the last call, which saves
	// the next call from opening it. If it is negative, the file stays open until
	// another process wants it. The default is DefaultLinger. If several stores in
	// one process use the same file, the Linger of the first one is used.
	Linger time.Duration
}

// New returns a driver for sessions.Options.Driver. It opens the file that
// Options.DataDir or Options.URL names.
func New(o Options) driver.Driver {
	if o.Linger == 0 {
		o.Linger = DefaultLinger
	}
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		cfg = cfg.WithDefaults()
		path, lockPrefix, err := locate(cfg)
		if err != nil {
			return nil, fmt.Errorf("dbm: open: %w", err)
		}
		db, err := sharedbolt.Open(ctx, path, sharedbolt.Options{LockPrefix: lockPrefix, Linger: o.Linger, Logger: cfg.Logger})
		if err != nil {
			return nil, fmt.Errorf("dbm: open: %w", err)
		}
		return newStore(cfg, db), nil
	})
}

// NewWithDB returns a driver that keeps sessions in a database that the program
// has opened, in buckets whose names begin with "sessions/" and the Namespace.
// Options.DataDir and Options.URL must be empty. Closing the store does not close
// the database. No other process can use the database while it is open.
func NewWithDB(db *bbolt.DB) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		switch {
		case db == nil:
			return nil, errors.New("dbm: open: NewWithDB: the database is nil")
		case cfg.URL != "" || cfg.DataDir != "":
			return nil, errors.New("dbm: open: NewWithDB: Options.URL and Options.DataDir must be empty")
		}
		return newStore(cfg.WithDefaults(), sharedbolt.Wrap(db)), nil
	})
}
