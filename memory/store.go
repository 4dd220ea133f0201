package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// shards is how many parts the sessions are in: many more than cores, so that
// two calls seldom meet, and enough that no part is long to go through.
const shards = 256

// store keeps rule 11 (Close waits, then ErrClosed) by a flag in each shard
// and not by a driver.Gate: every call does all of its work under a shard's
// lock, so once Close has held them all there is nobody left to wait for, and
// the calls share no counter.
type store struct {
	cfg    driver.Config
	max    int
	count  atomic.Int64 // the sessions held, if max is not 0
	stop   func()       // ends the sweeper
	shards [shards]shard
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
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

// shard returns the part that key belongs to. The byte is none of those that
// shard.byPrefix uses.
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
		return fmt.Errorf("memory: save: owner of %d bytes, at most %d: %w", len(rec.Owner), driver.MaxOwner, driver.ErrTooLarge)
	}
	now, body := s.now(), bodyOf(rec)
	for {
		err := s.save(&key, old, &rec, body, now)
		if err != ErrFull {
			return err
		}
		freed, err := s.expire(ctx, now, 1)
		if err != nil {
			return err
		}
		if freed == 0 {
			return fmt.Errorf("memory: save: %w: it holds %d sessions", ErrFull, s.max)
		}
	}
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
	switch {
	case present != old:
		return driver.ErrConflict
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
	sh.queue.hasten(e)
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

// Close ends the sweeper and drops all sessions.
func (s *store) Close() error {
	s.stop()
	for i := range s.shards {
		s.shards[i].close()
	}
	return nil
}

// close takes the lock.
func (sh *shard) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	sh.byPrefix, sh.queue, sh.byOwner = nil, nil, nil
}
