package database

import (
	"context"
	"fmt"
	"sync/atomic"
)

// A checkpoint copies SQLite's write-ahead log to the database file and waits for the
// disk, which takes milliseconds. By default, SQLite does so at the end of each write
// after which the log has a thousand pages, and the other writers of this process wait
// for it in their queue. The store therefore runs checkpoints outside of the queue:
// SQLite admits readers and writers during one. Since SQLite begins the log again only
// when all of it has been copied, the log of a busy program grows until it has
// maxLogPages; then writers wait for a checkpoint, of the pages since the last one.
const (
	checkpointPages = 1000
	maxLogPages     = 8 * checkpointPages // 32 MiB
)

// autoCheckpoint is the pragma for checkpoints at the end of a write. It is a bound for
// the log if those of the store fail.
var autoCheckpoint = fmt.Sprintf("wal_autocheckpoint=%d", 2*maxLogPages)

// checkpointer runs the checkpoints of a file.
type checkpointer struct {
	written atomic.Int64 // pages since the last checkpoint, estimated
	running atomic.Bool
}

// wrote counts the pages of a write, and starts a checkpoint when it is time. The caller
// is inside the gate.
func (s *store) wrote(rows int64, args []any) {
	c := s.pool.checkpointer
	if c == nil {
		return
	}
	pages := rows
	for _, a := range args {
		if b, ok := a.([]byte); ok {
			pages += int64(len(b) / 4096)
		}
	}
	if c.written.Add(pages) < checkpointPages || !c.running.CompareAndSwap(false, true) {
		return
	}
	if s.gate.Enter() != nil {
		return // the last connection runs a checkpoint when it is closed
	}
	go func() {
		defer s.gate.Leave()
		defer c.running.Store(false)
		c.written.Store(0)
		s.checkpoint()
	}()
}

// checkpoint runs a checkpoint. Like SQLite after a write, it ignores errors: the log
// still has what was not copied, and the next checkpoint copies it.
func (s *store) checkpoint() {
	if s.copyLog("PASSIVE") < maxLogPages {
		return
	}
	s.pool.writerSem <- struct{}{}
	defer func() { <-s.pool.writerSem }()
	s.copyLog("RESTART") // which excludes other processes' writers too
}

// copyLog runs a checkpoint of a mode, and returns the pages of the log, or 0 if it
// failed.
func (s *store) copyLog(mode string) (pages int) {
	var busy, copied int
	if err := s.pool.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied); err != nil {
		return 0
	}
	return pages
}
