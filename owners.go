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

// SetOwner says whom the session belongs to, such as "user:42"; "" is nobody.
// The store indexes it, for Manager.Owned and Manager.DestroyOwned. At most 255
// bytes, compared byte by byte; more is an error.
func (s *Session) SetOwner(owner string) error {
	if len(owner) > driver.MaxOwner {
		return fmt.Errorf("sessions: set owner: %d bytes, at most %d", len(owner), driver.MaxOwner)
	}
	s.touch()
	defer s.mu.Unlock()
	if s.view.Owner != owner {
		s.do(&content.SetOwner{Owner: owner})
	}
	return s.loadError()
}

// Owner is whom the session belongs to; "" is nobody.
func (s *Session) Owner() string {
	s.touch()
	defer s.mu.Unlock()
	return s.view.Owner
}

// All yields every session of the store, in no particular order. Each may be
// read, changed and saved, or destroyed; it has no Token and cannot be renewed.
// A damaged record comes as an error, and the iteration goes on; after any
// other error it ends. It fails with errors.ErrUnsupported where the store cannot tell.
func (m *Manager) All(ctx context.Context) iter.Seq2[*Session, error] {
	lister, ok := driver.As[driver.Lister](m.store)
	if !ok {
		return failing("list")
	}
	return m.listed("list", lister.All(ctx))
}

// Owned yields the sessions whose owner it is, as All does. It misses none that
// was committed before the call.
func (m *Manager) Owned(ctx context.Context, owner string) iter.Seq2[*Session, error] {
	owners, ok := driver.As[driver.Owners](m.store)
	if !ok {
		return failing("list an owner's sessions")
	}
	return m.listed("list an owner's sessions", m.owned(ctx, owners, owner))
}

// owned yields the owner's records, and gives up on a store that brings none,
// and no end, for as long as StoreTimeout.
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

// DestroyOwned destroys the owner's sessions, but for those in except: "log out
// my other devices". It returns how many it destroyed. A session that another
// request is changing meanwhile is looked at again, and goes if it is still the
// owner's. When it returns without an error, no session is left that was the
// owner's when it began, but for one that another process renewed twice, each
// time just as it was looked for. One that a newer version stored stays, and is
// an error when the others are gone.
func (m *Manager) DestroyOwned(ctx context.Context, owner string, except ...*Session) (int, error) {
	owners, ok := driver.As[driver.Owners](m.store)
	if !ok {
		return 0, unsupported("destroy an owner's sessions")
	}
	keep := make(map[driver.Key]bool)
	for _, s := range except {
		s.touch()
		// A renewal may be under way: keep both ends of it.
		keep[s.id.key], keep[s.current().key] = true, true
		s.mu.Unlock()
	}
	destroyed := 0
	var unread error
	// A listing may miss a session that is renewed in its course: the new id comes
	// too late for it, the old one goes too early. The next one has it. So it
	// takes two with nothing in them, and with no renewal of this process's.
	renewed, began := m.renews.of(owner), time.Now()
	for quiet := 0; quiet < 2; {
		quiet++
		missed := renewed.list()
		for e, err := range m.owned(ctx, owners, owner) {
			if errors.Is(err, ErrCorrupt) {
				continue // it opens no session
			}
			if errors.Is(err, ErrNewerFormat) {
				unread = fmt.Errorf("sessions: destroy owned: session %v: %w", e.Key, err)
				continue
			}
			if err != nil {
				return destroyed, fmt.Errorf("sessions: destroy owned: %w", err)
			}
			if keep[e.Key] {
				continue
			}
			// At the version whose owner was seen: it may belong to another by now.
			bounded := m.storeContext(ctx)
			err = m.store.Delete(bounded, e.Key, e.Record.Version)
			bounded.Release()
			switch {
			case err == nil:
				destroyed++
				m.note(ctx, eventDestroyed, e.Key)
			case !errors.Is(err, ErrConflict):
				return destroyed, fmt.Errorf("sessions: destroy owned: %w", err)
			}
			quiet = 0
		}
		if quiet > 0 && missed() {
			quiet = 0
			if time.Since(began) > m.opts.StoreTimeout {
				return destroyed, fmt.Errorf("sessions: destroy owned: the sessions are renewed all the time: %w", context.DeadlineExceeded)
			}
		}
	}
	return destroyed, unread
}
