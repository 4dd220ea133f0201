package dbm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// file is a database file that this process uses, open or not. All stores on
// the same file share one: to bbolt, two openings would be two processes.
type file struct {
	at     place
	log    *slog.Logger
	linger time.Duration
	locks  *locks
	writes queue
	stores int // under files.mu

	mu      sync.Mutex
	current *database // open to calls, or nil
	next    *opening  // what calls wait for, or nil
	holding bool      // the holder runs
	holder  sync.WaitGroup
	closed  bool
	broken  *broken
}

// opening is what the calls wait for that found the file closed.
type opening struct {
	waiting int
	ctx     context.Context
	cancel  context.CancelFunc // when nobody waits any more
	done    chan struct{}
	db      *database
	err     error
}

// files are the files in use, by their real paths.
var files = struct {
	mu sync.Mutex
	m  map[string]*file
}{m: make(map[string]*file)}

// share returns the file at p for one more store. The first store's linger and
// logger apply to all.
func share(p place, linger time.Duration, log *slog.Logger) (*file, error) {
	files.mu.Lock()
	defer files.mu.Unlock()
	f := files.m[p.file]
	if f == nil {
		locks, err := newLocks(p.locks)
		if err != nil {
			return nil, err
		}
		f = &file{at: p, log: log, linger: linger, locks: locks}
		files.m[p.file] = f
	}
	if f.at.locks != p.locks {
		return nil, fmt.Errorf("%s is open already, with another LockDir", p.file)
	}
	f.stores++
	return f, nil
}

// close ends one store's share; the last lets go of the file.
func (f *file) close() error {
	files.mu.Lock()
	f.stores--
	last := f.stores == 0
	if last {
		delete(files.m, f.at.file)
	}
	files.mu.Unlock()
	if !last {
		return nil
	}
	f.writes.wait()
	f.mu.Lock()
	f.closed = true
	if f.current != nil {
		f.drain(f.current)
	}
	f.mu.Unlock()
	f.holder.Wait()
	return nil
}

func (f *file) queue() *queue { return &f.writes }

// acquire returns the open database; if the file is closed, it has the holder
// open it.
func (f *file) acquire(ctx context.Context) (*database, error) {
	f.mu.Lock()
	if d := f.current; d != nil {
		d.users++
		d.used = true
		f.mu.Unlock()
		return d, nil
	}
	if f.closed {
		f.mu.Unlock()
		return nil, driver.ErrClosed
	}
	o := f.next
	if o == nil {
		o = &opening{done: make(chan struct{})}
		o.ctx, o.cancel = context.WithCancel(context.Background())
		f.next = o
		if !f.holding {
			f.holding = true
			f.holder.Go(f.run)
		}
	}
	o.waiting++
	f.mu.Unlock()
	select {
	case <-o.done:
		return o.db, o.err
	case <-ctx.Done():
		return f.giveUp(o, ctx.Err())
	}
}

// giveUp leaves an opening that takes too long.
func (f *file) giveUp(o *opening, err error) (*database, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-o.done: // just now
		return o.db, o.err
	default:
	}
	o.waiting--
	if o.waiting == 0 {
		o.cancel()
		f.next = nil
	}
	return nil, fmt.Errorf("waiting for %s: %w", f.at.file, err)
}

// release ends a use that acquire began. After a failure of the database the
// file is opened again: bbolt may be left without a mapping, or stuck.
func (f *file) release(d *database, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.users--
	d.stuck = d.stuck || isStuck(err)
	if err != nil || d.stuck {
		f.drain(d)
	}
	f.emptied(d)
}

// drain admits no more calls, and wakes the holder.
func (f *file) drain(d *database) {
	if !d.leaving {
		d.leaving = true
		f.current = nil
		close(d.leave)
	}
	f.emptied(d)
}

// emptied signals the holder when the last call has ended, or never will.
func (f *file) emptied(d *database) {
	if d.leaving && (d.users == 0 || d.stuck) {
		select {
		case <-d.empty:
		default:
			close(d.empty)
		}
	}
}
