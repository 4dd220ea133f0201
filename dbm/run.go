package dbm

import (
	"context"
	"errors"
	"os"
	"time"
)

// run opens the file for the calls that wait, keeps it open while there is work
// and it is this process's turn, and closes it. It starts again if calls wait by
// then.
func (f *file) run() {
	for {
		f.mu.Lock()
		o := f.next
		if o == nil {
			f.holding = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		d, err := f.open(o.ctx)
		f.publish(o, d, err)
		if err == nil {
			f.waitIdle(d)
			f.closeDB(d)
		}
	}
}

// open waits for the locks and opens the database.
func (f *file) open(ctx context.Context) (*database, error) {
	if err := f.locks.take(ctx); err != nil {
		return nil, err
	}
	d, err := f.openOnce()
	if err != nil {
		return nil, errors.Join(err, f.locks.release())
	}
	return d, nil
}

// broken is a file that could not be opened because it is damaged.
type broken struct {
	info os.FileInfo
	err  error
}

// openOnce does not try the same damaged file again, since each panic of bbolt
// leaks a mapping. A repaired file has another modification time.
func (f *file) openOnce() (*database, error) {
	info, statErr := os.Lstat(f.at.file)
	if b := f.broken; b != nil && statErr == nil && os.SameFile(info, b.info) &&
		info.Size() == b.info.Size() && info.ModTime().Equal(b.info.ModTime()) {
		return nil, b.err
	}
	f.broken = nil
	d, err := open(f.at.file, f.log)
	if errors.Is(err, ErrDamaged) && statErr == nil {
		f.broken = &broken{info, err}
	}
	return d, err
}

// publish gives the database, or the error, to the calls that wait. If those for
// which the file was opened have given up, others may wait now.
func (f *file) publish(o *opening, d *database, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.cancel()
	if err == nil {
		if f.current = d; f.closed {
			f.drain(d)
		}
		o = f.next
	}
	if o == nil || o != f.next {
		return
	}
	f.next = nil
	o.db, o.err = d, err
	if err == nil {
		d.users, d.used = o.waiting, true
	}
	close(o.done)
}

// waitIdle returns when it is time to close the file.
func (f *file) waitIdle(d *database) {
	tick := time.NewTicker(timeSlice)
	defer tick.Stop()
	var idle time.Duration
	for {
		select {
		case <-d.leave:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		if d.users > 0 || d.used {
			idle = 0
		} else {
			idle += timeSlice
		}
		d.used = false
		f.mu.Unlock()
		if f.linger >= 0 && idle >= f.linger || f.locks.wanted() || d.moved(f.at.file) {
			return
		}
	}
}

// closeDB closes the database when the running calls have ended, and releases the
// file to the next process.
func (f *file) closeDB(d *database) {
	f.mu.Lock()
	f.drain(d)
	f.mu.Unlock()
	<-d.empty
	var err error
	if d.stuck {
		d.abandon()
	} else {
		err = d.Close()
	}
	if err := errors.Join(err, f.locks.release()); err != nil {
		f.log.Error("dbm: closing the file failed", "error", err)
	}
}
