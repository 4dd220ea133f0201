package sharedbolt

import (
	"context"
	"errors"
	"os"
	"time"
)

// run opens the file for the calls that wait, waits until it has to be closed,
// and closes it. It repeats this if calls wait by then, and ends otherwise.
func (f *sharedFile) run() {
	for {
		f.mu.Lock()
		o := f.next
		if o == nil {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		h, err := f.lockAndOpen(o.ctx)
		f.publish(o, h, err)
		if err == nil {
			f.waitIdle(h)
			f.closeDB(h)
		}
	}
}

// lockAndOpen waits for the locks and opens the database.
func (f *sharedFile) lockAndOpen(ctx context.Context) (*handle, error) {
	if err := f.locks.acquire(ctx); err != nil {
		return nil, err
	}
	h, err := f.open()
	if err != nil {
		return nil, errors.Join(err, f.locks.release())
	}
	return h, nil
}

// damagedFile is a file that could not be opened because it is damaged.
type damagedFile struct {
	info os.FileInfo
	err  error
}

// open opens the database. It does not try a damaged file a second time, because
// each panic of bbolt leaks a mapping. A repaired file has another modification
// time.
func (f *sharedFile) open() (*handle, error) {
	info, statErr := os.Lstat(f.path)
	if d := f.damaged; d != nil && statErr == nil && os.SameFile(info, d.info) &&
		info.Size() == d.info.Size() && info.ModTime().Equal(d.info.ModTime()) {
		return nil, d.err
	}
	f.damaged = nil
	h, err := openOrCreate(f.path, f.log)
	if errors.Is(err, ErrDamaged) && statErr == nil {
		f.damaged = &damagedFile{info, err}
	}
	return h, err
}

// publish gives the handle, or the error, to the calls that wait. All calls for
// which the file was opened may have given up, and new ones may wait for
// another opening: these get the handle, but not the error, which may be that
// the first opening was canceled.
func (f *sharedFile) publish(o *opening, h *handle, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.cancel()
	if err == nil {
		if f.current = h; f.closed {
			f.drain(h)
		}
		o = f.next
	}
	if o == nil || o != f.next {
		return
	}
	f.next = nil
	o.handle, o.err = h, err
	if err == nil {
		h.users, h.used = o.waiting, true
	}
	close(o.done)
}

// waitIdle returns when the file has to be closed: it was not used for linger,
// another process wants it, it was replaced, or the handle is draining.
func (f *sharedFile) waitIdle(h *handle) {
	tick := time.NewTicker(timeSlice)
	defer tick.Stop()
	var idle time.Duration
	for {
		select {
		case <-h.drain:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		if h.users > 0 || h.used {
			idle = 0
		} else {
			idle += timeSlice
		}
		h.used = false
		f.mu.Unlock()
		if f.linger >= 0 && idle >= f.linger || f.locks.wanted() || h.replaced(f.path) {
			return
		}
	}
}

// closeDB closes the database when the running calls have ended, and releases
// the locks.
func (f *sharedFile) closeDB(h *handle) {
	f.mu.Lock()
	f.drain(h)
	f.mu.Unlock()
	<-h.drained
	var err error
	if h.stuck {
		h.abandon()
	} else {
		err = h.Close()
	}
	if err := errors.Join(err, f.locks.release()); err != nil {
		f.log.Error("sessions: closing the database file failed", "error", err)
	}
}
