package sessions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/commitqueue"
	"github.com/pump-go/sessions/internal/content"
)

// Save commits the changes now instead of with the response. After it, the
// session shows what the store holds, including other requests' changes. It
// returns ErrEnded if another request ended the session, ErrConflict if another
// request took a value that was popped, and ErrHeaderSent if the client needs a
// cookie that can no longer be sent. After an error the session keeps its
// changes; Revert drops them. ctx and Options.StoreTimeout bound the call.
func (s *Session) Save(ctx context.Context) error {
	s.touch()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sessions: save: %w", err)
	}
	return s.commit(ctx, bySave)
}

// trigger is what causes a commit.
type trigger byte

const (
	// byResponse: the response header is about to be sent, or was sent. The
	// commit is not canceled when the handler returns or the client
	// disconnects.
	byResponse trigger = iota
	// bySave: the program called Save.
	bySave
)

// commit stores the changes of the session. With ManualSave, only Save stores
// them.
func (s *Session) commit(ctx context.Context, on trigger) error {
	if s.phase == untouched {
		return nil
	}
	s.nowCached = 0
	write := on == bySave || !s.m.opts.ManualSave
	if s.pendingDeletes != nil {
		if err := s.flushDeletes(on.context(ctx)); err != nil {
			return err
		}
	}
	if err := s.loadError(); err != nil {
		return err
	}
	if done, err := s.commitLate(ctx, on, write); done || err != nil {
		return err
	}
	if write {
		var err error
		if s.changes, err = s.view.ChangesInPlace(s.changes); err != nil {
			s.fail(err)
		}
		if s.fault != nil {
			return fmt.Errorf("sessions: save: %w", s.fault)
		}
	} else if len(s.changes) > 0 && s.base.Version != 0 {
		// The access is recorded with the stored timeout, not with one that was
		// set but not saved.
		defer func(view content.Content) { s.view = view }(s.view)
		s.view, _ = content.Parse(s.base.Data, s.base.Owner) // it was parsed before
	}
	if s.m.sealer != nil {
		return s.commitSealed(ctx, write)
	}
	renewNow := on == byResponse && (write || len(s.changes) == 0) && s.renewDue()
	if renewNow && len(s.changes) > 0 {
		s.next, s.idChange = newIdentity(), renew
	}
	var act func(*Session, context.Context) error
	switch stored := s.base.Version != 0; {
	case write && !stored && s.view.Empty():
		s.changes = nil
	case write && !stored:
		act = (*Session).create
	case write && s.idChange == invalidate:
		act = (*Session).replace
	case write && s.idChange == renew:
		act = (*Session).rename
	case write && len(s.changes) > 0:
		act = (*Session).update
	case renewNow:
		act = (*Session).renewUnchanged
	case stored && s.idChange == keepID && !s.quiet && !(on == byResponse && s.recorded) && (s.oldSecret || s.refreshDue()):
		act = (*Session).refresh
	}
	s.recorded = s.recorded || on == byResponse
	if act == nil {
		return nil // a read does not pay for a deadline
	}
	bounded := s.m.storeContext(on.context(ctx))
	defer bounded.Release()
	if err := act(s, bounded); err != nil {
		if errors.Is(err, ErrEnded) {
			s.cookieAction = noCookie // not even the cookie of an earlier Save
		}
		return fmt.Errorf("sessions: save: %w", err)
	}
	return nil
}

// context returns the context of a commit with this trigger.
func (on trigger) context(ctx context.Context) context.Context {
	if on == byResponse {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// record encodes the present session, under a new version.
func (s *Session) record() (driver.Record, error) {
	data, err := s.view.Encode()
	if err != nil {
		return driver.Record{}, err
	}
	rec := driver.Record{
		Data:    data,
		Owner:   s.view.Owner,
		Version: newVersion(),
		Hint:    s.base.Hint,
	}
	s.times(&rec)
	return rec, nil
}

func newVersion() driver.Version { return driver.Version(1 + rand.Int64N(1<<63-1)) }

// saved makes the record that was just written the base. Maps and pointers that
// the program has got remain part of the view.
func (s *Session) saved(rec driver.Record) {
	s.isNew = s.isNew || s.idChange == invalidate
	if s.idChange != keepID || !s.id.known {
		s.id, s.next, s.idChange = *s.current(), identity{}, keepID
		s.id.stored = 0
		s.cookieAction, s.oldSecret, s.newID = setCookie, false, true
	} else if s.oldSecret || s.reissueDue(s.base.Accessed, rec.Accessed) {
		s.cookieAction, s.oldSecret = setCookie, false
	}
	for _, ch := range s.changes {
		switch ch.(type) {
		case *content.SetExpires, content.ResetSettings:
			s.cookieAction = setCookie
		}
	}
	rec.Hint = nil // it belonged to the version before
	s.base, s.changes, s.lateness, s.refusal = rec, nil, onTime, nil
}

// create stores a new session.
func (s *Session) create(ctx context.Context) error {
	rec, err := s.insertNew(ctx)
	if err != nil {
		return err
	}
	s.saved(rec)
	s.m.note(ctx, eventCreated, s.id.key)
	return nil
}

// update writes the changes to the stored session, merging them with whatever
// other requests wrote first.
func (s *Session) update(ctx context.Context) error {
	entry := s.m.queues.Entry(s.id.key)
	defer entry.Leave()
	if err := entry.Enter(ctx); err != nil {
		return err
	}
	if rec, ok := entry.Handoff(s.base.Version); ok {
		_ = s.rebase(rec) // rec may be out of date; then the write conflicts
	}
	for {
		rec, err := s.record()
		if err != nil {
			return err
		}
		err = s.m.write(ctx, s.id.key, s.base.Version, rec)
		if err == nil {
			s.saved(rec)
			entry.Committed(s.base)
			return nil
		}
		if errors.Is(err, errUnknown) {
			s.fail(err) // a further commit could count an Update twice
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := s.retryCAS(ctx, &entry); err != nil {
			return err
		}
	}
}

// retryCAS waits for the session's turn after a conflict, and rebases the
// session on the record that is stored then.
func (s *Session) retryCAS(ctx context.Context, entry *commitqueue.Entry) error {
	s.m.note(ctx, eventConflict, s.id.key)
	if err := entry.Retry(ctx); err != nil {
		return err
	}
	if rec, ok := entry.Handoff(s.base.Version); ok && s.rebase(rec) == nil {
		return nil
	}
	rec, err := s.m.read(ctx, s.id.key)
	if err != nil {
		return ended(err)
	}
	return s.rebase(rec)
}

// rebase applies the session's changes to a newer record. If they do not fit,
// the session stays as it was.
func (s *Session) rebase(rec driver.Record) error {
	view, err := content.Parse(rec.Data, rec.Owner)
	if err != nil {
		return err
	}
	view.Adopt(&s.view)
	for _, ch := range s.changes {
		if err := ch.Apply(&view); err != nil {
			return err
		}
	}
	s.base, s.view, s.nowCached = rec, view, 0
	return nil
}

// saveAsNew stores the session under its next ID, and replaces the record old at key
// by a forward to it. A driver.Renewer does both in one call. Otherwise the forward
// is the second of two calls: a crash between them leaves an orphaned record; the
// other order would lose the session. stored is what an earlier call has returned if
// it need not be stored again, or zero. saveAsNew returns the new record, even if only
// the forward was not written.
func (s *Session) saveAsNew(ctx context.Context, key driver.Key, old, stored driver.Record) (driver.Record, error) {
	if s.m.renewer != nil && s.next.stored == 0 && !s.next.unsure && !s.headerSent {
		rec, err := s.record()
		if err != nil {
			return driver.Record{}, err
		}
		rec.Hint = nil
		err = s.m.renew(ctx, key, old.Version, newForward(old, s.next.key, s.clock()), s.next.key, rec)
		if !errors.Is(err, errors.ErrUnsupported) {
			unknown := errors.Is(err, errUnknown)
			if err == nil || unknown {
				s.next.stored = rec.Version
			}
			s.next.unsure, s.next.forwarded = unknown, unknown
			return rec, err
		}
	}
	if s.next.stored == 0 || s.next.stored != stored.Version {
		var err error
		if stored, err = s.insertNew(ctx); err != nil {
			return driver.Record{}, err
		}
	}
	err := s.m.write(ctx, key, old.Version, newForward(old, s.next.key, s.clock()))
	if errors.Is(err, errUnknown) {
		s.next.forwarded = true
	}
	return stored, err
}

// replace stores the new session that Invalidate began, and replaces the old one
// by a forward to it.
func (s *Session) replace(ctx context.Context) (err error) {
	old := s.id.key
	defer s.withdrawUnused(ctx, &err)
	rec, err := s.replaceInvalidated(ctx, old)
	if err != nil {
		return err
	}
	s.saved(rec)
	s.m.note(ctx, eventDestroyed, old)
	s.m.note(ctx, eventCreated, s.id.key)
	return nil
}

// replaceInvalidated stores the new session, and replaces the record of the
// invalidated one by a forward to it, even if other requests have changed it. If
// another request has renewed the session, the renewed record is replaced. If another
// request has ended it, the new session is stored alone. Values that were popped must
// still be there.
func (s *Session) replaceInvalidated(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	pops, old := s.changes.Pops(), s.base
	entry := s.m.queues.Entry(key)
	defer entry.Leave()
	for {
		rec, err = s.saveAsNew(ctx, key, old, rec)
		if rec.Version == 0 || !errors.Is(err, ErrConflict) && !errors.Is(err, ErrEnded) {
			return rec, err
		}
		if errors.Is(err, ErrConflict) {
			if err := entry.Retry(ctx); err != nil {
				return rec, err
			}
		}
		was := old.Version
		old, err = s.m.read(ctx, key)
		// ctx ends after StoreTimeout, also if a damaged store has a cycle of forwards.
		for f, ok := errors.AsType[forwarded](err); ok; f, ok = errors.AsType[forwarded](err) {
			if f.to == s.next.key {
				return rec, nil // by an earlier attempt of unknown outcome
			}
			if len(pops) > 0 {
				return rec, ErrEnded
			}
			key = f.to
			old, err = s.m.read(ctx, key)
		}
		switch {
		case errors.Is(err, ErrNotFound) && len(pops) == 0:
			if s.next.stored != rec.Version {
				return s.insertNew(ctx)
			}
			return rec, nil
		case err != nil:
			return rec, ended(err)
		case old.Version == was: // so the new ID is taken
			s.next = newIdentity()
		}
		s.next.forwarded = false // by an earlier attempt, which can no longer succeed
		view, err := content.Parse(old.Data, old.Owner)
		if err != nil {
			return rec, err
		}
		for _, pop := range pops {
			if err := pop.Apply(&view); err != nil {
				return rec, err
			}
		}
	}
}

// rename stores the session under its new ID, and replaces the record under the old
// ID, at the version that was copied, by a forward. If another request has changed the
// old record, its changes are merged; if one has ended the session, the new record is
// removed.
func (s *Session) rename(ctx context.Context) (err error) {
	old := s.id.key
	defer s.withdrawUnused(ctx, &err)
	entry := s.m.queues.Entry(old)
	defer entry.Leave()
	for conflicts := 1; ; conflicts++ {
		rec, err := s.saveAsNew(ctx, old, s.base, driver.Record{})
		if errors.Is(err, ErrConflict) {
			was := s.base.Version
			if err = s.retryCAS(ctx, &entry); err == nil {
				s.next.forwarded = false // by an earlier attempt, which can no longer succeed
				// The new ID is taken if the old record is the same. After a second
				// conflict, DestroyOwned may be removing the new record: do not compete.
				if s.base.Version == was || conflicts > 1 {
					s.withdrawUnused(ctx, &err)
					s.next = newIdentity()
				}
				continue
			}
		}
		f, _ := errors.AsType[forwarded](err)
		switch {
		case err == nil, f.to == s.next.key: // the latter by an earlier attempt of unknown outcome
			s.saved(rec)
			s.m.note(ctx, eventRenewed, s.id.key, old)
			return nil
		default:
			return err
		}
	}
}

// renewUnchanged gives the session a new ID when Options.RenewAfter has passed and
// there is nothing else to store. If another request has renewed or ended the
// session, there is nothing to do.
func (s *Session) renewUnchanged(ctx context.Context) error {
	s.next, s.idChange = newIdentity(), renew
	err := s.rename(ctx)
	if err == nil {
		return nil
	}
	forwarded := s.next.forwarded
	s.next, s.idChange = identity{}, keepID
	switch {
	case errors.Is(err, ErrEnded):
		s.cookieAction = noCookie
		return nil
	case forwarded:
		return err // the client's ID may have stopped working
	}
	s.m.log.Warn("sessions: renewing the ID failed", "session", s.publicID(), "error", err)
	return nil
}

// insertNew stores the session under its next ID, or updates the record there. If
// the ID is taken, it draws another. It also does so if an insert got no answer: the
// store may perform it later, even after the session was destroyed, and it must not
// bring the session back under an ID that a client has.
func (s *Session) insertNew(ctx context.Context) (driver.Record, error) {
	if s.headerSent {
		return driver.Record{}, ErrHeaderSent
	}
	if s.next.unsure && s.next.stored == 0 {
		s.withdraw(ctx)
	}
	var err error
	for range maxSends {
		rec, recErr := s.record()
		if recErr != nil {
			return rec, recErr
		}
		rec.Hint = nil
		next := s.current()
		err = s.m.write(ctx, next.key, next.stored, rec)
		switch {
		case err == nil:
			s.next.stored, s.next.unsure = rec.Version, false
			return rec, nil
		case errors.Is(err, ErrConflict), errors.Is(err, errNotStored):
		case errors.Is(err, ErrEnded) && next.unsure: // it was not stored
		default:
			s.next.unsure = next.unsure || next.stored == 0 && errors.Is(err, errUnknown)
			return rec, err
		}
		// DestroyOwned may have removed the new record, whose ID no client knows yet.
		// A renewal finds out whether the old one is still there.
		if next.stored != 0 && !next.unsure && s.idChange != renew {
			return rec, ErrEnded
		}
		if next.stored != 0 {
			s.withdraw(ctx)
		} else {
			s.next = newIdentity()
		}
	}
	if errors.Is(err, ErrConflict) {
		err = errors.New("three new session IDs in a row were taken: the random source repeats itself")
	}
	return driver.Record{}, err
}

// withdrawUnused withdraws the record under the next ID, if it is stored, after the
// commit has failed or panicked: the function of an Update may panic when it runs
// again. If a forward may lead to the record, it stays for the next attempt.
func (s *Session) withdrawUnused(ctx context.Context, err *error) {
	if errors.Is(*err, ErrConflict) || errors.Is(*err, ErrEnded) {
		s.next.forwarded = false // another request has changed or ended the session
	}
	if s.next.stored != 0 && !s.next.forwarded {
		s.withdraw(ctx)
	}
}

// withdraw removes the record under the next ID, which no client knows. If that
// fails, the record remains until it expires. The next attempt gets another ID, since
// a removal of unknown outcome may still be performed.
func (s *Session) withdraw(ctx context.Context) {
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	bounded := s.m.storeContext(brief)
	defer bounded.Release()
	if err := s.m.store.Delete(bounded, s.next.key, 0); err != nil {
		s.m.log.Warn("sessions: removing an unused record failed", "session", s.next.key.String(), "error", err)
	}
	s.next = newIdentity()
}

// flushDeletes removes the records of destroyed sessions, or of those that they
// were renewed to.
func (s *Session) flushDeletes(ctx context.Context) error {
	bounded := s.m.storeContext(ctx)
	defer bounded.Release()
	for s.pendingDeletes != nil {
		p := s.pendingDeletes
		key, removed, err := s.m.remove(bounded, p.key, p.version)
		if err != nil {
			return fmt.Errorf("sessions: destroy: %w", err)
		}
		if removed {
			s.m.note(bounded, eventDestroyed, key)
		}
		s.pendingDeletes = p.next
	}
	return nil
}
