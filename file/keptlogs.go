package file

import (
	"os"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// keptLogs are the expiry logs that were written to last. They stay open, because
// new sessions expire in the same few minutes, and opening a log takes longer than
// writing a line to it.
type keptLogs struct {
	mu     sync.Mutex
	logs   [4]keptLog
	next   int // the entry to be replaced
	closed bool
}

// A keptLog is an open log, or no log if file is nil.
type keptLog struct {
	begin driver.Millis
	path  string
	file  *os.File
	id    fileID
}

// get returns the log for begin if it is kept, and still the one with its name. The
// caller holds the lock of a directory of records, so that no sweep reads the log
// before the line is written; see store.claimLogs. Another goroutine may close the
// file, which os.File allows.
func (k *keptLogs) get(begin driver.Millis, t trust) *os.File {
	k.mu.Lock()
	var found keptLog
	for _, log := range k.logs {
		if log.file != nil && log.begin == begin {
			found = log
		}
	}
	k.mu.Unlock()
	if found.file == nil || !found.id.isUsableAt(found.path, t) {
		return nil
	}
	return found.file
}

// keep keeps a log, in place of an earlier one for begin or of the one that was
// opened first. If it cannot, it closes the log.
func (k *keptLogs) keep(begin driver.Millis, path string, f *os.File) {
	id, ok := idOf(f)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !ok || k.closed || !mayKeep() {
		f.Close()
		return
	}
	at := k.next
	for i, log := range k.logs {
		if log.file != nil && log.begin == begin {
			at = i
		}
	}
	if at == k.next {
		k.next = (k.next + 1) % len(k.logs)
	}
	k.logs[at].close()
	k.logs[at] = keptLog{begin, path, f, id}
}

// release closes the logs that do not have their names any more, since a sweep, of
// any process, claimed them.
func (k *keptLogs) release(t trust) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.logs {
		if log := &k.logs[i]; log.file != nil && !log.id.isUsableAt(log.path, t) {
			log.close()
		}
	}
}

// close closes all logs, and those that are kept later.
func (k *keptLogs) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for i := range k.logs {
		k.logs[i].close()
	}
}

func (l *keptLog) close() {
	if l.file != nil {
		l.file.Close()
		doneKeeping()
		*l = keptLog{}
	}
}
