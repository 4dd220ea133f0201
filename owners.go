package sessions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// SetOwner sets whom the session belongs to, such as "user:42", so that
// Manager.Owned and Manager.DestroyOwned find it. "" is nobody. Owners are
// compared byte by byte. SetOwner returns an error if the owner is longer than
// 255 bytes, or if the session could not be loaded.
func (s *Session) SetOwner(owner string) error {
	if len(owner) > driver.MaxOwner {
		return fmt.Errorf("sessions: set owner: %d bytes, at most %d", len(owner), driver.MaxOwner)
	}
	s.touch()
	defer s.mu.Unlock()
	if owner != "" {
		s.noteSignIn()
	}
	s.noteChange()
	if s.view.Owner != owner {
		s.do(&content.SetOwner{Owner: owner})
	}
	return s.loadError()
}

// Owner returns what SetOwner set, or "".
func (s *Session) Owner() string {
	s.touch()
	defer s.mu.Unlock()
	return s.view.Owner
}

// All yields every session of the store, in no particular order. A session can
// be read, changed and saved, or destroyed; it has no Token and cannot be
// renewed. A damaged record, or one of a newer format, is yielded as an error,
// and the iteration continues; any other error ends it. All yields
// errors.ErrUnsupported if the store cannot list its sessions.
func (m *Manager) All(ctx context.Context) iter.Seq2[*Session, error] {
	lister, ok := driver.As[driver.Lister](m.store)
	if !ok {
		return failing("list")
	}
	return m.listed("list", lister.All(ctx))
}

// Owned yields the sessions of an owner, as All does. It misses no session that
// was committed before the call, unless it is renewed during the call: then it may
// be missed, or yielded twice.
func (m *Manager) Owned(ctx context.Context, owner string) iter.Seq2[*Session, error] {
	owners, ok := driver.As[driver.Owners](m.store)
	if !ok {
		return failing("list an owner's sessions")
	}
	return m.listed("list an owner's sessions", m.owned(ctx, owners, owner))
}

// owned yields the owner's records. It gives up if the store yields nothing and
// does not end for StoreTimeout.
func (m *Manager) owned(ctx context.Context, owners driver.Owners, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		patience := time.AfterFunc(m.opts.StoreTimeout, func() { cancel(context.DeadlineExceeded) })
		defer patience.Stop()
		for e, err := range owners.Owned(ctx, owner) {
			patience.Stop()
			if err != nil && context.Cause(ctx) == context.DeadlineExceeded {
				err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
			}
			if !yield(e, err) {
				return
			}
			patience.Reset(m.opts.StoreTimeout)
		}
	}
}

func failing(op string) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) { yield(nil, unsupported(op)) }
}

func (m *Manager) listed(op string, entries iter.Seq2[driver.Entry, error]) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		for e, err := range entries {
			s := m.detached()
			s.id = identity{key: e.Key, known: true}
			if err == nil {
				if err = s.adopt(e.Record); errors.Is(err, ErrNotFound) {
					continue
				}
			}
			if err != nil {
				s, err = nil, fmt.Errorf("sessions: %s: session %v: %w", op, e.Key, err)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// DestroyOwned destroys the owner's sessions, except those in except, and
// returns how many it destroyed: "sign out my other devices". If it returns no
// error, all sessions that the owner had when the call began are gone, even if
// other requests, in any process, changed or renewed them during the call. A
// session that has been given to another owner remains.
//
// A session that was stored by a newer version of this module also remains;
// DestroyOwned destroys the others and then returns ErrNewerFormat.
func (m *Manager) DestroyOwned(ctx context.Context, owner string, except ...*Session) (int, error) {
	owners, ok := driver.As[driver.Owners](m.store)
	if !ok {
		return 0, unsupported("destroy an owner's sessions")
	}
	d := ownerSignOut{m: m, owner: owner, keep: make(map[driver.Key]bool)}
	for _, s := range except {
		if err := d.except(ctx, s); err != nil {
			return 0, fmt.Errorf("sessions: destroy owned: %w", err)
		}
	}
	for {
		// A listing may miss the new record of a session that is renewed meanwhile, but
		// not its forward. If it takes so long that forwards may expire, list again.
		began := m.now()
		if err := d.pass(ctx, owners); err != nil {
			return d.destroyed, fmt.Errorf("sessions: destroy owned: %w", err)
		}
		if m.now()-began < forwardLife/2 {
			return d.destroyed, d.unread
		}
	}
}

// ownerSignOut is one call of DestroyOwned.
type ownerSignOut struct {
	m         *Manager
	owner     string
	excepted  []*exceptedSession
	keep      map[driver.Key]bool // all known keys of the excepted sessions
	looked    map[driver.Key]bool // by this pass: each key once
	destroyed int
	unread    error
}

type exceptedSession struct {
	key     driver.Key    // the last known one
	created driver.Millis // a renewal keeps it
}

// except keeps s, under whatever ID it has.
func (d *ownerSignOut) except(ctx context.Context, s *Session) error {
	s.touch()
	e, stored := &exceptedSession{s.id.key, s.base.Created}, s.base.Version != 0
	// A renewal may be under way: keep both ends of it.
	d.keep[e.key], d.keep[s.current().key] = true, true
	s.mu.Unlock()
	if !stored {
		return nil
	}
	d.excepted = append(d.excepted, e)
	return d.resolveAll(ctx)
}

// resolveAll finds out what IDs the excepted sessions have had so far.
func (d *ownerSignOut) resolveAll(ctx context.Context) error {
	bounded := d.m.storeContext(ctx)
	defer bounded.Release()
	for _, e := range d.excepted {
		if _, _, err := d.resolve(bounded, e); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// resolve returns the present key and record of an excepted session, and keeps
// the keys on the way. It does not follow a forward twice: it could then not catch up
// with a client that renews all the time.
func (d *ownerSignOut) resolve(ctx context.Context, e *exceptedSession) (driver.Key, driver.Record, error) {
	for range maxForwards {
		rec, err := d.m.read(ctx, e.key)
		f, isForward := errors.AsType[forwarded](err)
		if !isForward {
			return e.key, rec, err
		}
		e.key = f.to
		d.keep[e.key] = true
	}
	return e.key, driver.Record{}, fmt.Errorf("more than %d forwards in a row", maxForwards)
}

// isGone reports whether err says that a key opens no session.
func isGone(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewerFormat)
}

// keeps reports whether the session at key, created at the given time, is an
// excepted one that was renewed meanwhile. Unless the store is a driver.Renewer, a
// renewal stores the session under its new ID first, and the forward after it. So if no
// forward leads to the session yet, keeps changes the version of the excepted one: a
// renewal that stored the session has to begin again, with another ID, and this one can
// be destroyed. It is not certain if another request has changed the excepted one at
// the same time.
func (d *ownerSignOut) keeps(ctx context.Context, key driver.Key, created driver.Millis) (keep, certain bool, err error) {
	for _, e := range d.excepted {
		if e.created != created {
			continue
		}
		end, rec, err := d.resolve(ctx, e)
		switch {
		case d.keep[key]:
			return true, true, nil
		case isGone(err):
			continue
		case err != nil:
			return false, false, err
		}
		next := rec
		next.Version = newVersion()
		err = d.m.write(ctx, end, rec.Version, next)
		switch {
		case err == nil:
		case errors.Is(err, ErrConflict), errors.Is(err, ErrEnded):
			return false, false, nil
		default:
			return false, false, err
		}
	}
	return false, true, nil
}

// pass lists the owner's records once, and destroys the sessions that they are or
// lead to. Forwards are followed after the listing, and only those that lead to a
// record that is not in it: a client that renews all the time leaves thousands.
func (d *ownerSignOut) pass(ctx context.Context, owners driver.Owners) error {
	d.unread, d.looked = nil, make(map[driver.Key]bool)
	var forwards []driver.Entry
	for e, err := range d.m.owned(ctx, owners, d.owner) {
		switch {
		case errors.Is(err, ErrCorrupt): // it opens no session
		case errors.Is(err, ErrNewerFormat):
			d.unread = fmt.Errorf("sessions: destroy owned: session %v: %w", e.Key, err)
		case err != nil:
			return err
		default:
			d.looked[e.Key] = true
			if asForward(e.Record) != nil {
				forwards = append(forwards, e)
			} else if err := d.destroy(ctx, e.Key, e.Record, nil, false); err != nil {
				return err
			}
		}
	}
	if len(forwards) == 0 {
		return nil
	}
	if err := d.resolveAll(ctx); err != nil {
		return err
	}
	for _, e := range forwards {
		if err := d.destroy(ctx, e.Key, e.Record, asForward(e.Record), true); err != nil {
			return err
		}
	}
	return nil
}

// destroy destroys the session at key, which Load answers with rec and err, or the
// one that it was renewed to, at a version whose owner was seen: it may belong to
// another owner by now. foreign: it is known to be no excepted one.
func (d *ownerSignOut) destroy(ctx context.Context, key driver.Key, rec driver.Record, err error, foreign bool) error {
	bounded := d.m.storeContext(ctx)
	defer bounded.Release()
	entry := d.m.queues.Entry(key)
	defer func() { entry.Leave() }()
	for !d.keep[key] {
		f, isForward := errors.AsType[forwarded](err)
		switch {
		case isForward:
			if !foreign {
				// A client has used this ID, so if it were an excepted session's, its
				// forwards would lead here by now.
				if err := d.resolveAll(ctx); err != nil || d.keep[key] {
					return err
				}
				foreign = true
			}
			if d.looked[f.to] {
				return nil
			}
			d.looked[f.to] = true
			key = f.to
			entry.Leave()
			entry = d.m.queues.Entry(key)
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			return nil
		case errors.Is(err, ErrNewerFormat):
			d.unread = fmt.Errorf("sessions: destroy owned: session %v: %w", key, err)
			return nil
		case err != nil:
			return err
		case rec.Owner != d.owner:
			return nil
		default:
			if !foreign {
				keep, certain, err := d.keeps(bounded, key, rec.Created)
				if keep || err != nil {
					return err
				}
				if !certain {
					break
				}
			}
			err := d.m.store.Delete(bounded, key, rec.Version)
			if err == nil {
				d.destroyed++
				d.m.note(bounded, eventDestroyed, key)
				return nil
			}
			if !errors.Is(err, ErrConflict) {
				return err
			}
			if err := entry.Retry(bounded); err != nil {
				return err
			}
			if next, ok := entry.Handoff(rec.Version); ok {
				rec = next
				continue
			}
		}
		rec, err = d.m.read(bounded, key)
	}
	return nil
}
