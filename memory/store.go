package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// shards is the number of shards: many more than cores, so that two calls rarely
// wait for the same lock, and enough to keep each shard short to list.
const shards = 256

// store implements rule 11 of package driver (Close waits, then ErrClosed) with a
// flag in each shard. It needs no driver.Gate, whose counter all calls would share:
// calls do all of their work under a shard's lock, so when Close has locked each
// shard, no call is running.
type store struct {
	cfg    driver.Config
	max    int
	count  atomic.Int64 // the number of sessions, if max is not 0
	stop   func()       // stops the sweeper
	shards [shards]shard
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Renewer = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

func newStore(cfg driver.Config, o Options) *store {
	s := &store{cfg: cfg, max: o.MaxSessions}
	for i := range s.shards {
		s.shards[i].byPrefix = make(map[uint64]*entry)
	}
	s.stop = driver.StartSweeper(cfg, s.Sweep)
	return s
}

// shard returns the shard of key, by a byte that shard.byPrefix does not use.
func (s *store) shard(key *driver.Key) *shard { return &s.shards[key[len(key)-1]] }

func (s *store) now() driver.Millis { return driver.MillisOf(s.cfg.Now()) }

func (s *store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := ctx.Err(); err != nil {
		return driver.Record{}, err
	}
	e, err := s.load(&key, s.now())
	if err != nil {
		return driver.Record{}, err
	}
	return e.record(), nil
}

// load returns a copy of the live entry at key.
func (s *store) load(key *driver.Key, now driver.Millis) (entry, error) {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return entry{}, driver.ErrClosed
	}
	e := sh.find(key)
	if !e.live(now) {
		return entry{}, driver.ErrNotFound
	}
	return *e, nil
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(rec.Owner) > driver.MaxOwner {
		return errOwner("save", rec.Owner)
	}
	now, body := s.now(), bodyOf(rec)
	for {
		err := s.save(&key, old, &rec, body, now)
		if err != ErrFull {
			return err
		}
		if err := s.makeRoom(ctx, "save", now); err != nil {
			return err
		}
	}
}

func errOwner(operation, owner string) error {
	return fmt.Errorf("memory: %s: owner of %d bytes, at most %d: %w", operation, len(owner), driver.MaxOwner, driver.ErrTooLarge)
}

// makeRoom removes an expired session, or returns ErrFull.
func (s *store) makeRoom(ctx context.Context, operation string, now driver.Millis) error {
	freed, err := s.expire(ctx, now, 1)
	if err == nil && freed == 0 {
		err = fmt.Errorf("memory: %s: %w: it holds %d sessions", operation, ErrFull, s.max)
	}
	return err
}

func (s *store) save(key *driver.Key, old driver.Version, rec *driver.Record, body string, now driver.Millis) error {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return driver.ErrClosed
	}
	e := sh.find(key)
	var present driver.Version
	if e.live(now) {
		present = e.version
	}
	if present != old {
		return driver.ErrConflict
	}
	return s.put(sh, e, key, rec, body)
}

// put sets the entry at key, or adds it if e is nil, under the shard's lock.
func (s *store) put(sh *shard, e *entry, key *driver.Key, rec *driver.Record, body string) error {
	switch {
	case e != nil:
		sh.replace(e, rec, body)
	case !s.reserve():
		return ErrFull
	default:
		e = &entry{key: *key}
		e.set(rec, body)
		sh.add(e)
	}
	return nil
}

// Renew writes both records under the locks of their shards.
func (s *store) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(forward.Owner) > driver.MaxOwner {
		return errOwner("renew", forward.Owner)
	}
	if len(rec.Owner) > driver.MaxOwner {
		return errOwner("renew", rec.Owner)
	}
	now, forwardBody, body := s.now(), bodyOf(forward), bodyOf(rec)
	for {
		err := s.renew(&oldKey, old, &forward, forwardBody, &key, &rec, body, now)
		if err != ErrFull {
			return err
		}
		if err := s.makeRoom(ctx, "renew", now); err != nil {
			return err
		}
	}
}

func (s *store) renew(oldKey *driver.Key, old driver.Version, forward *driver.Record, forwardBody string, key *driver.Key, rec *driver.Record, body string, now driver.Millis) error {
	from, to := s.shard(oldKey), s.shard(key)
	first, second := from, to
	if last := len(key) - 1; oldKey[last] > key[last] {
		first, second = to, from // every call in the same order, or two could wait for each other
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	if second != first {
		second.mu.Lock()
		defer second.mu.Unlock()
	}
	if from.closed || to.closed {
		return driver.ErrClosed
	}
	was, taken := from.find(oldKey), to.find(key)
	if !was.live(now) || was.version != old || taken.live(now) {
		return driver.ErrConflict
	}
	if err := s.put(to, taken, key, rec, body); err != nil {
		return err
	}
	from.replace(was, forward, forwardBody)
	return nil
}

func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now, sh := s.now(), s.shard(&key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return driver.ErrClosed
	}
	e := sh.find(&key)
	if !e.live(now) || e.version != rec.Version {
		return driver.ErrConflict
	}
	e.accessed, e.expires = rec.Accessed, rec.Expires
	sh.queue.advance(e)
	return nil
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now, sh := s.now(), s.shard(&key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return driver.ErrClosed
	}
	e := sh.find(&key)
	if version != 0 && (!e.live(now) || e.version != version) {
		return driver.ErrConflict
	}
	if e != nil {
		sh.remove(e)
		s.release(1)
	}
	return nil
}

// Close stops the sweeper and removes all sessions.
func (s *store) Close() error {
	s.stop()
	for i := range s.shards {
		s.shards[i].close()
	}
	return nil
}

// close locks the shard and removes its sessions.
func (sh *shard) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	sh.byPrefix, sh.queue, sh.byOwner = nil, nil, nil
}
