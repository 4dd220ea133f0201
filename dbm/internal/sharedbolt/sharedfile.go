package sharedbolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"
)

// sharedFile is a database file that this process uses. It is open only part of
// the time.
type sharedFile struct {
	path       string
	lockPrefix string
	linger     time.Duration
	log        *slog.Logger
	locks      *locks
	writes     queue
	dbs        int // DBs on this file; guarded by files.mu

	mu      sync.Mutex
	current *handle  // what new calls use, or nil
	next    *opening // what calls wait for if current is nil, or nil
	running bool     // the goroutine of run exists
	runner  sync.WaitGroup
	closed  bool

	damaged *damagedFile // used by run only
}

// opening is an attempt to open the file, with the calls that wait for it.
type opening struct {
	waiting int
	ctx     context.Context
	cancel  context.CancelFunc // called when no call waits any more
	done    chan struct{}
	handle  *handle
	err     error
}

// files are the files in use, by their paths.
var files = struct {
	mu sync.Mutex
	m  map[string]*sharedFile
}{m: make(map[string]*sharedFile)}

// share returns the file at path for one more DB.
func share(path string, o Options) (*sharedFile, error) {
	if err := checkRegular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files.mu.Lock()
	defer files.mu.Unlock()
	f := files.m[path]
	if f == nil {
		var err error
		if f, err = newSharedFile(path, o); err != nil {
			return nil, err
		}
		files.m[path] = f
	}
	if f.lockPrefix != o.LockPrefix {
		return nil, fmt.Errorf("%s is open already, with another LockDir", path)
	}
	f.dbs++
	return f, nil
}

func newSharedFile(path string, o Options) (*sharedFile, error) {
	locks, err := newLocks(o.LockPrefix)
	if err != nil {
		return nil, err
	}
	return &sharedFile{path: path, lockPrefix: o.LockPrefix, linger: o.Linger, log: o.Logger, locks: locks}, nil
}

// close ends one DB's use of the file; the last one closes it.
func (f *sharedFile) close() error {
	files.mu.Lock()
	f.dbs--
	last := f.dbs == 0
	if last {
		delete(files.m, f.path)
	}
	files.mu.Unlock()
	if last {
		f.shut()
	}
	return nil
}

// shut waits for the writes and closes the file.
func (f *sharedFile) shut() {
	f.writes.wait()
	f.mu.Lock()
	f.closed = true
	if f.current != nil {
		f.drain(f.current)
	}
	f.mu.Unlock()
	f.runner.Wait()
}

// check opens the file once, to report at the start that it is damaged or not
// accessible. It is no error if another process has the file open for openWait.
func (f *sharedFile) check(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	h, err := f.acquire(waiting)
	if err == nil {
		f.release(h, nil)
	} else if waiting.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (f *sharedFile) queue() *queue { return &f.writes }

// acquire returns the current handle. If the file is closed, run opens it.
func (f *sharedFile) acquire(ctx context.Context) (*handle, error) {
	f.mu.Lock()
	if h := f.current; h != nil {
		h.users++
		h.used = true
		f.mu.Unlock()
		return h, nil
	}
	if f.closed {
		f.mu.Unlock()
		return nil, bolterrors.ErrDatabaseNotOpen
	}
	o := f.next
	if o == nil {
		o = &opening{done: make(chan struct{})}
		o.ctx, o.cancel = context.WithCancel(context.Background())
		f.next = o
		if !f.running {
			f.running = true
			f.runner.Go(f.run)
		}
	}
	o.waiting++
	f.mu.Unlock()
	select {
	case <-o.done:
		return o.handle, o.err
	case <-ctx.Done():
		return f.stopWaiting(o, ctx.Err())
	}
}

// stopWaiting returns err, unless the opening has just ended. The last call that
// stops waiting cancels the opening.
func (f *sharedFile) stopWaiting(o *opening, err error) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-o.done:
		return o.handle, o.err
	default:
	}
	o.waiting--
	if o.waiting == 0 {
		o.cancel()
		f.next = nil
	}
	return nil, fmt.Errorf("waiting for %s: %w", f.path, err)
}

// release ends a use that acquire began. After a failure of the database the
// file is opened again, because bbolt may be left without a mapping, or stuck.
func (f *sharedFile) release(h *handle, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.users--
	h.stuck = h.stuck || isStuck(err)
	if err != nil || h.stuck {
		f.drain(h)
	}
	h.checkDrained()
}

// drain keeps new calls from using the handle and makes run close it when the
// running calls have ended.
func (f *sharedFile) drain(h *handle) {
	if !h.draining {
		h.draining = true
		f.current = nil
		close(h.drain)
	}
	h.checkDrained()
}

// checkDrained closes h.drained when run need not wait any longer. A stuck
// database may hang its calls, so run does not wait for them.
func (h *handle) checkDrained() {
	if h.draining && (h.users == 0 || h.stuck) {
		select {
		case <-h.drained:
		default:
			close(h.drained)
		}
	}
}
