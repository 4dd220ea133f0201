package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pump-go/sessions/driver"
)

// later is when the sweep looks again at a record that it could not judge: one
// of a newer format, or one that the disk would not give.
const later = driver.Millis(10 * time.Minute / time.Millisecond)

// Sweep removes the records that have expired. Of several, one runs at a time.
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
	if err := s.tidy(ctx); err != nil {
		return 0, err
	}
	if err := s.complete(ctx); err != nil {
		return 0, err
	}
	now := s.now()
	logs, err := s.claim(ctx, now)
	if err != nil {
		return 0, err
	}
	for _, log := range logs {
		n, err := s.settle(ctx, log, now)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// tidy removes what processes left that died while they wrote.
func (s *store) tidy(ctx context.Context) error {
	for i := range recordDirs {
		name := s.records.each(i)
		if s.records.check(name) != nil {
			continue
		}
		dir := s.records.under(name)
		if _, err := os.Lstat(dir + unfinished); err != nil {
			continue
		}
		lock := &s.locks.dirs[i]
		if err := lock.lock(ctx); err != nil {
			return err
		}
		err := clearUnfinished(dir)
		lock.unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// claimed marks a log that a sweep has taken. One that died leaves it to the
// next.
const claimed = ".claimed"

// claim renames the logs that are due, and returns their paths when nobody will
// write to them any more.
//
// A writer holds the lock of its record's directory from before it opens a log
// until after it has written. So whoever opened one by its old name has done
// once each lock was free for a moment; and the record is there to be found.
func (s *store) claim(ctx context.Context, now driver.Millis) ([]string, error) {
	var names []string
	err := eachName(s.expiry.dir, func(name string) {
		if strings.HasSuffix(name, claimed) || due(name, now) {
			names = append(names, name)
		}
	})
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var logs []string
	for _, name := range names {
		path := filepath.Join(s.expiry.dir, name)
		if !strings.HasSuffix(name, claimed) {
			// Never over one that a dead sweep left.
			to := fmt.Sprintf("%s.%d%s", path, time.Now().UnixNano(), claimed)
			if err := os.Rename(path, to); err != nil {
				return nil, err
			}
			path = to
		}
		logs = append(logs, path)
	}
	for i := range s.locks.dirs {
		if err := s.locks.dirs[i].lock(ctx); err != nil {
			return nil, err
		}
		s.locks.dirs[i].unlock()
	}
	return logs, nil
}

// settle does what a claimed log says, and removes it. If it is stopped, the
// next sweep begins the log again, which does no harm.
func (s *store) settle(ctx context.Context, log string, now driver.Millis) (removed int, err error) {
	f, err := openFile(log, os.O_RDONLY, s.tree.trust)
	if errors.Is(err, driver.ErrCorrupt) {
		s.cfg.Logger.Warn("sessions: what stands in place of a log is not read", "error", err)
		_ = os.Remove(log) // a directory with something inside may stay
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	seen := make(map[driver.Key]struct{})
	kept := make(moves)
	in := bufio.NewScanner(f)
	in.Split(splitLines)
	for in.Scan() {
		key, at, ok := parseLine(in.Text())
		if !ok {
			continue
		}
		if at <= now { // not a day's log, nor this minute's
			if _, again := seen[key]; again {
				continue
			}
			seen[key] = struct{}{}
			if at, err = s.look(ctx, key); err != nil {
				return removed, err
			}
			switch at {
			case gone:
				continue
			case taken:
				removed++
				continue
			}
		}
		if err := kept.add(s.expiry, logOf(at, now), key, at); err != nil {
			return removed, err
		}
	}
	if err := in.Err(); err != nil {
		return removed, err
	}
	if err := kept.flush(s.expiry); err != nil {
		return removed, err
	}
	return removed, os.Remove(log)
}

// What look returns in place of an instant.
const (
	gone  driver.Millis = -1 << 63 // there is no record
	taken driver.Millis = gone + 1 // there was one, which look removed
)

// look removes the record at key if it has expired. It returns when to look
// again: at the record's expiry, for one that lives.
//
// For that one it needs no lock. If the expiry comes nearer after it was read,
// whoever writes that writes a line of its own.
func (s *store) look(ctx context.Context, key driver.Key) (again driver.Millis, err error) {
	name := key.String()
	rec, err := s.read(name)
	if s.spent(&rec, err) {
		lock := &s.locks.dirs[dirOf(key)]
		if err := lock.lock(ctx); err != nil {
			return gone, err
		}
		defer lock.unlock()
		if rec, err = s.read(name); s.spent(&rec, err) { // still
			if err = s.remove(name, rec.Owner); err == nil {
				return taken, nil
			}
		}
	}
	switch {
	case err == driver.ErrNotFound:
		return gone, nil
	case err == nil:
		return rec.Expires, nil
	case !errors.Is(err, driver.ErrNewerFormat):
		s.cfg.Logger.Warn("sessions: a record cannot be read or removed", "session", name, "error", err)
	}
	return s.now() + later, nil
}

// spent tells whether what was read is of no more use. A damaged record opens
// no session, and would stay for ever.
func (s *store) spent(rec *driver.Record, err error) bool {
	return err == nil && rec.Expires <= s.now() || errors.Is(err, driver.ErrCorrupt)
}

// moves are lines on their way to other logs.
type moves map[string][]byte

// movesMax bounds the lines for one log that are held back.
const movesMax = 64 << 10

func (m moves) add(x *expiry, log string, key driver.Key, at driver.Millis) error {
	m[log] = appendLine(m[log], key.String(), at)
	if len(m[log]) < movesMax {
		return nil
	}
	defer delete(m, log)
	return x.append(log, m[log])
}

func (m moves) flush(x *expiry) error {
	for log, lines := range m {
		if err := x.append(log, lines); err != nil {
			return err
		}
	}
	return nil
}
