// Package dbm keeps sessions in one go.etcd.io/bbolt database file.
//
// Choose it for one machine without a database server: one process, or a few
// that share the file. A read takes a few microseconds; a write waits for the
// disk, and writers that come at the same time share that wait. Choose database
// for several machines, file if sessions should be files of their own.
//
//	import _ "github.com/pump-go/sessions/dbm"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "dbm", DataDir: "/var/lib/app"})
//
// The file is sessions.db in DataDir. It is created with mode 0600, and the
// directory with 0700 if it is missing, whatever the umask; what exists keeps
// its mode. Two managers of one process may open the same file: with different
// Namespaces they are separate, with the same one they share the sessions.
//
// New returns an error for a directory that other users could replace or write
// to (see [driver.MakeDataDir]), and for a link, FIFO or another user's file in the
// place of the database or a lock file. If that happens while the store is open,
// calls fail until the right file is back.
//
// # URLs
//
//	dbm:                            the file in DataDir; also dbm://
//	dbm:///var/lib/app/sessions.db  this file, in place of DataDir
//	dbm:data/sessions.db            the same, relative to the working directory
//	dbm:///C:/app/sessions.db       on Windows
//
// There are no parameters; any is an error.
//
// # Durability
//
// A save is acknowledged when bbolt has written and synced it: it survives
// kill -9 and power loss. There is no option to leave out the sync: without it
// the disk may write bbolt's pages in any order, and a power loss can then cost
// the whole file, not just the last sessions. (If you want that, pass
// NewWithDB a bbolt.DB with NoSync.)
//
// # Several processes
//
// bbolt locks the file for the process that has it open. So a process has it
// open only while there is work, and Options.Linger longer. One that waits
// takes a lock next to it, the turn; the one that holds the file looks at it
// every few milliseconds, and lets go. Under load on all sides the processes
// take turns of about 3 ms, so a call may wait that long for each of the others;
// if the file is closed, opening it costs some 200 µs. One process alone never
// waits.
//
// The two lock files, sessions.db.lock and sessions.db.turn, are in LockDir, by
// default next to the file. All processes must name the same LockDir, and the
// file must be on a local disk: bbolt maps it into memory. A process that is
// stopped (SIGSTOP) with the file open makes the others' calls fail at their
// deadlines until it goes on or is killed; the locks of a killed process are
// gone with it.
//
// # Limits and growth
//
// A session's data may have up to 16 MiB, its owner 255 bytes; more is
// driver.ErrTooLarge. A session takes its data and some 140 bytes, one with an
// owner the owner's name twice and 50 bytes more, in pages that are on average
// two thirds full.
//
// Expired sessions are removed in the background, in the order of their expiry.
// Their pages are used again, but a bbolt file never shrinks: it stays as large
// as it was at the busiest time. It grows by doubling, and from 16 MiB on in
// steps of 16 MiB.
//
// # Backup and compaction
//
// Copy the file while no process has it open. On Linux the locks make that a
// matter of one line with flock(1), which takes its turn like any process; the
// program runs on, and its calls wait meanwhile, up to StoreTimeout, and then
// fail:
//
//	cd /var/lib/app
//	flock sessions.db.turn flock sessions.db.lock cp sessions.db backup.db
//
// Compact, with the command of go.etcd.io/bbolt/cmd/bbolt, and restore in the
// same way, by renaming a file over sessions.db. A running program notices that
// within milliseconds:
//
//	flock sessions.db.turn flock sessions.db.lock sh -c \
//		'bbolt compact -o new.db sessions.db && mv new.db sessions.db'
//
// A snapshot of the file system is a good backup too.
//
// # Damage
//
// Every record has a checksum. A damaged one is driver.ErrCorrupt, and costs
// that session alone. Damage to the database around the records is ErrDamaged,
// for every call that meets it: the users see an error page, and none of them
// is logged out. Put a backup in the file's place, or remove the file: the
// program then goes on by itself. One damage ends the program: where pages have
// come to refer to each other in a circle, bbolt follows them until the stack
// is full.
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

// DefaultLinger is what Options.Linger is if it is 0.
const DefaultLinger = 100 * time.Millisecond

// ErrDamaged is returned when the database itself is damaged, beyond single
// records: the file is cut short, overwritten, or no database at all. It is not
// driver.ErrCorrupt, so that nobody is logged out because of it.
var ErrDamaged = sharedbolt.ErrDamaged

// MaxData is the largest Data of a record, in bytes.
const MaxData = 16 << 20

// Options are the settings of a store that opens its file; the zero value is
// the registered default.
type Options struct {
	// Linger is how long the file stays open after the last call, so that the
	// next finds it open. If it is negative the file stays open until another
	// process wants it. The default is DefaultLinger. Where a process opens the
	// file several times, the first time counts.
	Linger time.Duration
}

// New returns a driver for sessions.Options.Driver that opens the file that
// DataDir or the URL names.
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
// has open, beside what else is there: the names of its buckets begin with
// "sessions/" and the Namespace. Close leaves the database open.
// DataDir and URL must be empty. As long as the program holds the database, no
// other process can use it.
func NewWithDB(db *bbolt.DB) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		switch {
		case db == nil:
			return nil, errors.New("dbm: open: NewWithDB was given no database")
		case cfg.URL != "" || cfg.DataDir != "":
			return nil, errors.New("dbm: open: NewWithDB has its database; Options.URL and Options.DataDir must be empty")
		}
		return newStore(cfg.WithDefaults(), sharedbolt.Wrap(db)), nil
	})
}
