package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pump-go/sessions/driver"
)

// maxData is the largest size of a record's Data. The store does not write
// larger files.
const maxData = 16 << 20

// maxRecord is the largest size of an encoded record.
const maxRecord = maxData + driver.MaxOwner + driver.RecordOverhead

type store struct {
	cfg     driver.Config
	sync    bool
	tree    *tree
	records *shardedDir
	owners  *owners
	expiry  *expiry
	locks   *locks
	flushed *flushed // nil without Options.Sync

	gate    driver.Gate
	closing context.Context // done when the store is closing
	stop    func()          // cancels closing, and stops the sweeper
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

func newStore(cfg driver.Config, o Options) (*store, error) {
	dir, err := driver.MakeDataDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	t := &tree{base: dir, trust: trustOf(info), sync: o.Sync, log: cfg.Logger}
	root := namespaceDir(dir, cfg.Namespace)
	lockTree, lockDir := t, filepath.Join(root, "locks")
	if cfg.LockDir != "" {
		base, err := driver.MakeDataDir(cfg.LockDir)
		if err != nil {
			return nil, err
		}
		lockTree = &tree{base: base, trust: t.trust, sync: o.Sync, log: cfg.Logger}
		lockDir = namespaceDir(filepath.Join(base, "file"), cfg.Namespace)
	}
	s := &store{
		cfg:     cfg,
		sync:    o.Sync,
		tree:    t,
		records: newShardedDir(t, filepath.Join(root, "records"), 2),
		owners:  newOwners(t, filepath.Join(root, "owners")),
		expiry:  newExpiry(t, filepath.Join(root, "expiry")),
		locks:   newLocks(lockTree, lockDir),
	}
	if o.Sync {
		s.flushed = new(flushed)
	}
	if err := s.createDirs(); err != nil {
		return nil, err
	}
	closing, end := context.WithCancel(context.Background())
	s.closing = closing
	stop := driver.StartSweeper(cfg, s.Sweep)
	s.stop = func() { end(); stop() }
	return s, nil
}

func (s *store) now() driver.Millis { return driver.MillisOf(s.cfg.Now()) }

// enter begins a call, which must end with gate.Leave.
func (s *store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.gate.Enter()
}

func (s *store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	rec, err := s.load(ctx, key)
	if err != nil && err != driver.ErrNotFound {
		return driver.Record{}, fmt.Errorf("file: load: %w", err)
	}
	return rec, err
}

// load returns the live record at key.
func (s *store) load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := s.enter(ctx); err != nil {
		return driver.Record{}, err
	}
	defer s.gate.Leave()
	rec, err := s.read(key.String(), false)
	if err == errUnborn || err == nil && rec.Expires <= s.now() {
		return driver.Record{}, driver.ErrNotFound
	}
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := s.write(ctx, key, old, rec); err != nil {
		return fmt.Errorf("file: save: %w", err)
	}
	return nil
}

// Touch writes the whole record, as the contract allows: a change in place of the
// current slot could be cut short.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	old := rec.Version
	if old == 0 {
		old = -1 // no record has it: Touch does not create
	}
	if err := s.write(ctx, key, old, rec); err != nil {
		return fmt.Errorf("file: touch: %w", err)
	}
	return nil
}

// write stores the record at key if the live record there has version old, or if
// old is 0 and there is none.
func (s *store) write(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if len(rec.Data) > maxData {
		return fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), maxData, driver.ErrTooLarge)
	}
	b, err := driver.AppendRecord(make([]byte, slotHead, slotHead+len(rec.Data)+len(rec.Owner)+driver.RecordOverhead), rec)
	if err != nil {
		return err
	}
	lock := s.locks.of(key)
	if err := lock.lock(ctx); err != nil {
		return err
	}
	defer lock.unlock()

	name := key.String()
	if old == 0 {
		// There is nothing yet, unless two requests used the same new ID. An entry too
		// many in an index does no harm.
		if err := s.index(name, driver.Record{}, rec); err != nil {
			return err
		}
		if err := s.create(name, b); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	file, err := s.look(name)
	defer file.done()
	was := file.rec
	switch {
	case err == driver.ErrNotFound, err == errUnborn:
		was = driver.Record{}
	case errors.Is(err, driver.ErrCorrupt) && old == 0:
		was = driver.Record{} // a damaged record is not a live one
	case err != nil:
		return err
	}
	if live := was.Expires > s.now() && was.Version != 0; live && was.Version != old || !live && old != 0 {
		return driver.ErrConflict
	}
	if err := s.index(name, was, rec); err != nil {
		return err
	}
	if isForeign(err) {
		if err := s.tree.setAside(s.records.file(name), err); err != nil {
			return err
		}
	}
	if err := s.put(name, &file, b); err != nil {
		return err
	}
	if was.Owner != rec.Owner {
		s.owners.drop(was.Owner, name)
	}
	return nil
}

// index adds rec, which replaces was, to the indexes that need another entry for it.
// It is called before rec is written, so that an index never lacks a record.
func (s *store) index(name string, was, rec driver.Record) error {
	if was.Version == 0 || rec.Expires < was.Expires {
		if err := s.expiry.add(name, rec.Expires, s.now()); err != nil {
			return err
		}
	}
	if rec.Owner != "" && rec.Owner != was.Owner {
		return s.owners.add(rec.Owner, name)
	}
	return nil
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if err := s.delete(ctx, key, version); err != nil {
		return fmt.Errorf("file: delete: %w", err)
	}
	return nil
}

func (s *store) delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	lock := s.locks.of(key)
	if err := lock.lock(ctx); err != nil {
		return err
	}
	defer lock.unlock()

	name := key.String()
	was, err := s.read(name, true)
	damaged := errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat) || err == errUnborn
	switch {
	case err == driver.ErrNotFound && version == 0:
		return nil
	case err == driver.ErrNotFound, err == errUnborn && version != 0:
		return driver.ErrConflict
	case err != nil && (version != 0 || !damaged):
		return err
	case version != 0 && (was.Version != version || was.Expires <= s.now()):
		return driver.ErrConflict
	}
	return s.remove(name, was.Owner, err)
}

// remove removes the record with that name. readErr is the error of reading it. The
// caller holds the lock of its directory.
func (s *store) remove(name, owner string, readErr error) error {
	if err := s.records.check(name); err != nil {
		return err
	}
	path := s.records.file(name)
	if isForeign(readErr) {
		if err := s.tree.setAside(path, readErr); err != nil {
			return err
		}
	} else if err := ignoreAbsent(os.Remove(path)); err != nil {
		return err
	}
	if s.sync {
		if err := syncDir(s.records.shard(name)); err != nil {
			return err
		}
	}
	s.owners.drop(owner, name)
	return nil
}

// Close stops a sweep that is running and waits for the other calls.
func (s *store) Close() error {
	s.stop()
	err := s.gate.Close()
	s.locks.close()
	s.expiry.kept.close()
	return err
}
