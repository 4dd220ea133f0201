package sharedbolt

import (
	"context"
	"os"
	"sync"

	"go.etcd.io/bbolt"
)

// source is where a DB gets its database from: a sharedFile or an externalDB.
type source interface {
	// acquire waits until the database is open and returns a handle, which is
	// valid until release.
	acquire(ctx context.Context) (*handle, error)
	// release ends the use of a handle. err is the failure of the database, if
	// it failed.
	release(h *handle, err error)
	// queue returns the queue for the database's writes.
	queue() *queue
	close() error
}

// handle is an open database.
type handle struct {
	*bbolt.DB

	// The rest is used by sharedFile only; the fields from users on are guarded
	// by its mutex.

	file     *os.File
	info     os.FileInfo
	users    int           // calls that use it
	used     bool          // since waitIdle last looked
	stuck    bool          // cannot be closed: see damage.stuck
	draining bool          // no new calls may use it
	drain    chan struct{} // closed when draining becomes true
	drained  chan struct{} // closed when draining and no call is left, or stuck
}

// externalDB is a database that the program has opened itself.
type externalDB struct {
	handle handle
	writes queue

	mu    sync.Mutex
	stuck error
}

func newExternalDB(db *bbolt.DB) *externalDB { return &externalDB{handle: handle{DB: db}} }

func (e *externalDB) acquire(context.Context) (*handle, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stuck != nil {
		return nil, e.stuck // a transaction would wait forever
	}
	return &e.handle, nil
}

func (e *externalDB) release(_ *handle, err error) {
	if isStuck(err) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stuck = err
	}
}

func (e *externalDB) queue() *queue { return &e.writes }

func (e *externalDB) close() error {
	e.writes.wait()
	return nil
}
