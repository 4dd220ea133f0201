package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"syscall"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
)

// opened is a store whose calls return an error if the store does not respond within wait.
type opened struct {
	driver.Store
	target *target
	wait   time.Duration
}

// errSilent is returned by a listing whose next step takes longer than wait.
var errSilent = errors.New("the store does not respond")

// waitFlag defines the flag for the maximum time of one store call.
func waitFlag(fs *flag.FlagSet) *age {
	wait := age(30 * time.Second)
	fs.Var(&wait, "wait", "fail if the store does not respond within this `time`")
	return &wait
}

// open opens the store, which must exist.
func (t *target) open(ctx context.Context, c *console, wait age) (*opened, error) {
	t.fill(c)
	if err := t.checkAccessible(); err != nil {
		return nil, err
	}
	if err := t.checkExists(); err != nil {
		return nil, err
	}
	return t.connect(ctx, t.existing(c), wait)
}

// openOrMake opens the destination of a copy, and creates it if it does not exist.
func (t *target) openOrMake(ctx context.Context, c *console, wait age) (*opened, error) {
	if err := t.checkAccessible(); err != nil {
		return nil, err
	}
	missing, err := t.checkOwner()
	if err != nil {
		return nil, err
	}
	s, err := t.connect(ctx, t.options(c), wait)
	if err == nil && missing {
		c.note("%s", createdNote(t.path()))
	}
	return s, err
}

// connect opens the store and loads a nonexistent session, so that a fault is reported
// once, at the start.
func (t *target) connect(ctx context.Context, o sessions.Options, wait age) (*opened, error) {
	if wait <= 0 {
		return nil, fail(exitUsage, "-wait must be more than 0")
	}
	s, err := openStore(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, t.source())
	}
	st := &opened{Store: s, target: t, wait: time.Duration(wait)}
	var nobody driver.Key
	rand.Read(nobody[:])
	if _, err := st.Load(ctx, nobody); err != nil && !errors.Is(err, driver.ErrNotFound) {
		err = errors.Join(err, s.Close())
		if errors.Is(err, database.ErrNoTables) { // the command never creates tables
			return nil, fail(exitNotFound, "there is no store: %s has no tables; is -%surl right?", t, t.prefix)
		}
		return nil, fmt.Errorf("%s cannot be read: %w", t, err)
	}
	return st, nil
}

// openStore opens the store. By the driver contract, most errors of Open are faults of
// the configuration, because a server that is down fails the calls instead. Exceptions
// are damaged files and errors of the operating system.
func openStore(ctx context.Context, o sessions.Options) (driver.Store, error) {
	s, err := sessions.OpenStore(ctx, o)
	if err == nil || ctx.Err() != nil || damaged(err) {
		return s, err
	}
	for _, storeFault := range []error{dbm.ErrDamaged, fs.ErrPermission, syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, storeFault) {
			return nil, err
		}
	}
	return nil, fail(exitUsage, "%w", err)
}

// manager returns a Manager on an open store. The Manager is not closed.
func manager(ctx context.Context, s driver.Store) (*sessions.Manager, error) {
	return sessions.New(ctx, sessions.Options{Driver: driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) {
		return s, nil
	})})
}

// ownersStore is an opened store that implements driver.Owners, for a Manager.
type ownersStore struct{ *opened }

func (s ownersStore) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return s.listing(ctx, func(ctx context.Context) iter.Seq2[driver.Entry, error] {
		owners, _ := driver.As[driver.Owners](s.Store)
		return owners.Owned(ctx, owner)
	})
}

func (s *opened) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.wait)
}

func (s *opened) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Load(ctx, key)
}

func (s *opened) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Save(ctx, key, old, rec)
}

func (s *opened) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Touch(ctx, key, rec)
}

func (s *opened) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.Store.Delete(ctx, key, v)
}

// all lists the records. An unreadable record is yielded as an error with the entry's
// key, and the listing continues.
func (s *opened) all(ctx context.Context) (iter.Seq2[driver.Entry, error], error) {
	l, ok := driver.As[driver.Lister](s.Store)
	if !ok {
		return nil, s.cannot("list its sessions; show and destroy work by ID")
	}
	return s.listing(ctx, l.All), nil
}

// owned lists an owner's records.
func (s *opened) owned(ctx context.Context, owner string) (iter.Seq2[driver.Entry, error], error) {
	if _, ok := driver.As[driver.Owners](s.Store); !ok {
		return nil, s.cannot("list an owner's sessions; show and destroy work by ID")
	}
	return ownersStore{s}.Owned(ctx, owner), nil
}

func (s *opened) cannot(what string) error {
	return fail(exitUnsupported, "%s cannot %s", s.target, what)
}

// listing limits the time of each step of a listing, but not of the whole.
func (s *opened) listing(ctx context.Context, list func(context.Context) iter.Seq2[driver.Entry, error]) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(s.wait, func() { cancel(errSilent) })
		defer timer.Stop()
		for e, err := range list(ctx) {
			timer.Stop() // the caller's time does not count
			if err != nil && context.Cause(ctx) == errSilent {
				err = fmt.Errorf("%w: %w", errSilent, err)
			}
			if !yield(e, err) {
				return
			}
			timer.Reset(s.wait)
		}
	}
}
