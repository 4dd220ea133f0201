package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"
)

// lookAgain is how long the sweep waits before it looks again at a record that
// it could neither read nor remove.
const lookAgain = driver.Millis(10 * time.Minute / time.Millisecond)

// Sweep removes expired records. One sweep runs at a time, in all processes.
func (s *store) Sweep(ctx context.Context) (int, error) {
	n, err := s.sweep(ctx)
	if err != nil && ctx.Err() == nil && s.closing.Err() != nil {
		err = driver.ErrClosed
	}
	if err != nil {
		return n, fmt.Errorf("file: sweep: %w", err)
	}
	return n, nil
}

func (s *store) sweep(ctx context.Context) (removed int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	if err := s.tree.ensure(s.expiry.dir); err != nil {
		return 0, err
	}
	if err := s.locks.sweep.lock(ctx); err != nil {
		return 0, err
	}
	defer s.locks.sweep.unlock()
	// A fault in one part must not keep the sweep from the others.
	var errs []error
	errs = append(errs, s.cleanTemps(ctx), s.rebuildIndex(ctx))
	now := s.now()
	logs, err := s.claimLogs(ctx, now)
	errs = append(errs, err)
	for _, log := range logs {
		if ctx.Err() != nil {
			break
		}
		n, err := s.processLog(ctx, log, now)
		removed += n
		errs = append(errs, err)
	}
	if err := ctx.Err(); err != nil {
		return removed, err
	}
	return removed, errors.Join(errs...)
}

// cleanTemps removes the files of processes that were killed while they were writing.
func (s *store) cleanTemps(ctx context.Context) error {
	var errs []error
	for i := range shardCount {
		name := s.records.shardName(i)
		err := s.records.check(name)
		if err == nil {
			err = s.cleanShard(ctx, i, s.tempOf(name))
		}
		if err = ignoreAbsent(err); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (s *store) cleanShard(ctx context.Context, i int, temp string) error {
	if _, err := os.Lstat(temp); err != nil {
		return err
	}
	lock := s.locks.shard(i)
	if err := lock.lock(ctx); err != nil {
		return err
	}
	defer lock.unlock()
	return s.cleanTemp(temp)
}

// claimedSuffix ends the name of a log that a sweep has taken. If that sweep
// dies, the next one finishes the log.
const claimedSuffix = ".claimed"

// claimLogs renames the logs that are due, and returns their paths when no process
// writes to them any more.
//
// A writer holds the lock of its record's directory from before it looks for a log
// by its name until it has written the record. So once each lock was free for a
// moment, every writer that found a log by its old name is done, and the record can
// be found.
func (s *store) claimLogs(ctx context.Context, now driver.Millis) (logs []string, err error) {
	defer s.expiry.kept.release(s.tree.trust)
	var names []string
	err = eachName(s.expiry.dir, func(name string) {
		if strings.HasSuffix(name, claimedSuffix) || isDue(name, now) {
			names = append(names, name)
		}
	})
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		path := filepath.Join(s.expiry.dir, name)
		if !strings.HasSuffix(name, claimedSuffix) {
			// The number keeps it from replacing one that a killed sweep left.
			to := fmt.Sprintf("%s.%d%s", path, time.Now().UnixNano(), claimedSuffix)
			if err := os.Rename(path, to); err != nil {
				errs = append(errs, err)
				continue
			}
			s.expiry.warned.Delete(path)
			path = to
		}
		logs = append(logs, path)
	}
	for i := range lockCount {
		if err := s.locks.shard(i).lock(ctx); err != nil {
			return nil, err
		}
		s.locks.shard(i).unlock()
	}
	return logs, errors.Join(errs...)
}

// processLog looks at the records that a claimed log names, and removes the log.
// If it is interrupted the next sweep starts the log again, which does no harm.
func (s *store) processLog(ctx context.Context, log string, now driver.Millis) (removed int, err error) {
	f, err := openFile(log, os.O_RDONLY, s.tree.trust)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case isUnusable(err):
		return 0, s.setLogAside(log, err)
	case err != nil:
		return 0, err
	}
	defer f.Close()
	seen := make(map[driver.Key]struct{})
	moved := make(movedLines)
	in := bufio.NewScanner(f)
	in.Split(splitLines)
	for in.Scan() {
		key, at, ok := parseLine(in.Text())
		if !ok {
			continue
		}
		if at <= now { // else it is a line of a day's log, or of this minute's
			if _, again := seen[key]; again {
				continue
			}
			seen[key] = struct{}{}
			result, err := s.removeExpired(ctx, key)
			if err != nil {
				return removed, err
			}
			if result.removed {
				removed++
			}
			if !result.present {
				continue
			}
			at = result.next
		}
		if err := moved.add(s.expiry, logAt(at, now), key, at); err != nil {
			return removed, err
		}
	}
	if err := in.Err(); err != nil {
		return removed, err
	}
	if err := moved.flush(s.expiry); err != nil {
		return removed, err
	}
	return removed, os.Remove(log)
}

// setLogAside sets aside what is in the place of a log. The log's lines may be
// lost, so the next sweep rebuilds the index.
func (s *store) setLogAside(log string, reason error) error {
	if err := ignoreAbsent(os.Remove(s.completePath())); err != nil {
		return err
	}
	return s.tree.setAside(log, reason)
}

// lookResult is what removeExpired found.
type lookResult struct {
	present bool          // the record still exists
	removed bool          // the record was removed
	next    driver.Millis // if present: when to look at it again
}

// removeExpired removes the record at key if it has expired.
//
// It reads without a lock: a write that makes the expiry earlier afterwards also adds
// a line for it.
func (s *store) removeExpired(ctx context.Context, key driver.Key) (lookResult, error) {
	name := key.String()
	rec, err := s.read(name, false)
	if s.isRemovable(&rec, err) {
		lock := s.locks.of(key)
		if err := lock.lock(ctx); ctx.Err() != nil {
			return lookResult{}, err
		} else if err != nil {
			return s.lookLater(name, err), nil
		}
		defer lock.unlock()
		if rec, err = s.read(name, true); s.isRemovable(&rec, err) { // still
			unborn := err == errUnborn
			if err = s.remove(name, rec.Owner, err); err == nil {
				return lookResult{removed: !unborn}, nil
			}
		}
	}
	switch {
	case err == driver.ErrNotFound, err == errUnborn:
		return lookResult{}, nil
	case err == nil:
		return lookResult{present: true, next: rec.Expires}, nil
	case errors.Is(err, driver.ErrNewerFormat):
		return lookResult{present: true, next: s.now() + lookAgain}, nil
	}
	return s.lookLater(name, err), nil
}

func (s *store) lookLater(name string, err error) lookResult {
	s.cfg.Logger.Warn("sessions: a record cannot be read or removed", "session", name, "error", err)
	return lookResult{present: true, next: s.now() + lookAgain}
}

// isRemovable reports whether a record that was read can be removed: it has expired,
// or it is damaged or was never completed, and would stay forever.
func (s *store) isRemovable(rec *driver.Record, err error) bool {
	return err == nil && rec.Expires <= s.now() || errors.Is(err, driver.ErrCorrupt) || err == errUnborn
}

// movedLines are lines to be added to other logs, by the log.
type movedLines map[driver.Millis][]byte

// maxMovedLines is how many bytes are collected for one log.
const maxMovedLines = 64 << 10

func (m movedLines) add(x *expiry, begin driver.Millis, key driver.Key, at driver.Millis) error {
	m[begin] = appendLine(m[begin], key.String(), at)
	if len(m[begin]) < maxMovedLines {
		return nil
	}
	defer delete(m, begin)
	return x.append(begin, m[begin])
}

func (m movedLines) flush(x *expiry) error {
	for begin, lines := range m {
		if err := x.append(begin, lines); err != nil {
			return err
		}
	}
	return nil
}
