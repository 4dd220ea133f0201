package dbm

import (
	"context"
	"os"
	"sync"

	"go.etcd.io/bbolt"
)

// source is where stores get the database from, for the time of a call.
type source interface {
	// acquire waits until the database is open. It stays so until release.
	acquire(ctx context.Context) (*database, error)
	// release ends a use, with its result.
	release(d *database, err error)
	// close ends a store's share of the source.
	close() error
	// queue is where the writes go.
	queue() *queue
}

// database is an open database.
type database struct {
	*bbolt.DB

	// What follows is for a file that opens and closes, under file.mu.

	file    *os.File
	info    os.FileInfo
	users   int
	used    bool          // since the holder last looked
	leaving bool          // no more calls are admitted
	stuck   bool          // it cannot be closed
	leave   chan struct{} // closed to make the holder close it
	empty   chan struct{} // closed when leaving and without users
}

// externalDB is a database that the program has opened itself.
type externalDB struct {
	db     database
	writes queue

	mu    sync.Mutex
	stuck error
}

func newExternalDB(db *bbolt.DB) *externalDB { return &externalDB{db: database{DB: db}} }

func (l *externalDB) acquire(context.Context) (*database, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stuck != nil {
		return nil, l.stuck // to enter it would be to wait forever
	}
	return &l.db, nil
}

func (l *externalDB) release(_ *database, err error) {
	if isStuck(err) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stuck = err
	}
}

func (l *externalDB) queue() *queue { return &l.writes }

func (l *externalDB) close() error {
	l.writes.wait()
	return nil
}
