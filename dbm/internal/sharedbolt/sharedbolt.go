// Package sharedbolt lets several processes use one bbolt file.
//
// bbolt locks a file for as long as it is open, so a second process cannot open
// it. With this package a process has the file open only while it has work, and
// hands it on when another process asks for it:
//
//   - The first call opens the file. Later calls use it too. The file is closed
//     when there has been no call for Options.Linger.
//   - Two lock files are next to the database, or where Options.LockPrefix says.
//     A process holds PREFIX.lock while it has the database open. Of the
//     processes that wait for PREFIX.lock, one holds PREFIX.turn; the others
//     wait for PREFIX.turn.
//   - The process that has the database open checks every few milliseconds
//     whether PREFIX.turn is held. If it is, new calls have to wait, the
//     running ones end, and the process closes the database and releases
//     PREFIX.lock.
//
// The operating system releases the locks of a process that ends, however it
// ends. The lock files stay: only the locks on them matter.
//
// Within a process, all DBs on the same file share one bbolt.DB, because bbolt's
// lock would also block a second one in the same process.
//
// From the inside: a [DB] gets a handle to the open database for each call, and
// releases it afterwards. For a file, sharedFile (sharedfile.go) gives out the
// handle and counts the calls that use it; its goroutine (run.go) takes the
// locks (locks.go), opens the file (open.go) and closes it. Writes go through a
// queue (queue.go) that puts those that wait into one transaction.
package sharedbolt

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.etcd.io/bbolt"
)

// DB runs transactions in a bbolt database. Its methods may be called at the
// same time.
type DB struct {
	source source
}

// Options are the settings of a database file.
type Options struct {
	// LockPrefix is how the paths of the two lock files begin. All processes
	// must use the same.
	LockPrefix string
	// Linger is how long the file stays open after the last call. If it is
	// negative, the file stays open until another process wants it.
	Linger time.Duration
	// Logger receives what goes wrong while no call is running.
	Logger *slog.Logger
}

// openWait is how long Open waits for a file that another process has open.
const openWait = time.Second

// Open returns a DB on the file at path, which must be an absolute path without
// symbolic links. The file is created if it does not exist; its directory and
// that of the lock files must exist.
//
// Open opens the file once to check it. If another process keeps it from doing
// so for a second, Open succeeds without the check.
//
// DBs on the same path share the options of the first one. It is an error if
// their lock prefixes differ.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	f, err := share(path, o)
	if err != nil {
		return nil, err
	}
	if err := f.check(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return &DB{f}, nil
}

// Wrap returns a DB on a database that is open already. It stays open when the
// DB is closed.
func Wrap(db *bbolt.DB) *DB { return &DB{newExternalDB(db)} }

// View runs fn in a transaction that reads. It waits for the database to be
// open, but not for writers. If ctx ends while it waits, View returns the context's
// error.
func (db *DB) View(ctx context.Context, fn func(*bbolt.Tx) error) error {
	h, err := db.source.acquire(ctx)
	if err != nil {
		return err
	}
	err = view(h.DB, fn)
	if isStuck(err) {
		db.source.release(h, err)
	} else {
		db.source.release(h, nil)
	}
	return err
}

// Update runs fn, which writes about size bytes, in a transaction that it may
// share with others' Updates, and returns when it is on the disk.
//
// fn reports whether it wrote anything. If it did not, its error is the result
// of this Update alone; if it did and returns an error, the whole transaction is
// rolled back and fails. fn may be called more than once.
//
// If ctx ends before the transaction has begun, fn is not called any more. If it
// ends later, Update waits a moment for the result and then returns the
// context's error, while the transaction goes on: fn may run, and the write
// may succeed, after Update has returned.
func (db *DB) Update(ctx context.Context, size int, fn func(*bbolt.Tx) (wrote bool, err error)) error {
	h, err := db.source.acquire(ctx)
	if err != nil {
		return err
	}
	return db.source.queue().run(ctx, db.source, &write{handle: h, size: size, do: fn})
}

// Close waits for writes that outlived their calls, and closes the file if no
// other DB uses it. Call it once, when no View or Update is running.
func (db *DB) Close() error { return db.source.close() }
