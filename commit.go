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

// Save commits the changes now, rather than with the response. After it, the
// session shows what the store holds, other requests' changes included. It
// fails with ErrEnded if the session was ended by another request, with
// ErrConflict if a value that was popped went to another request, and with
// ErrHeaderSent if the client can no longer be given the cookie it needs; then
// the session keeps its changes, and Revert drops them. ctx bounds it, as
// Options.StoreTimeout does.
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
	// byResponse: the response's header is about to leave, or has left. The
	// handler's or client's going away does not cancel the commit.
	byResponse trigger = iota
	// bySave: the program asked for it.
	bySave
)

// commit brings the store up to date with the session. Where the program saves
// by hand, changes count on that occasion alone.
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
	if write {
		var err error
		if s.changes, err = s.view.ChangesInPlace(s.changes); err != nil {
			s.fail(err)
		}
		if s.fault != nil {
			return fmt.Errorf("sessions: save: %w", s.fault)
		}
	} else if len(s.changes) > 0 && s.base.Version != 0 {
		// The access is recorded by the timeout that is stored, not by one that
		// was set and not saved.
		defer func(view content.Content) { s.view = view }(s.view)
		s.view, _ = content.Parse(s.base.Data, s.base.Owner) // it was parsed before
	}
	if s.m.sealer != nil {
		return s.commitSealed(ctx, write)
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
	case stored && s.idChange == keepID && !(on == byResponse && s.recorded) && (s.oldSecret || s.refreshDue()):
		act = (*Session).refresh
	}
	s.recorded = s.recorded || on == byResponse
	if act == nil {
		return nil // and so a read pays for no deadline
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

// context is the one that a commit on this occasion runs under.
func (on trigger) context(ctx context.Context) context.Context {
	if on == byResponse {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// record encodes the session as it is now, under a new version.
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

// saved makes the record that was just written the base. The program keeps the
// maps and pointers that it was given.
func (s *Session) saved(rec driver.Record) {
	s.isNew = s.isNew || s.idChange == invalidate
	if s.idChange != keepID || !s.id.known {
		s.id, s.next, s.idChange = *s.current(), identity{}, keepID
		s.cookieAction, s.oldSecret = setCookie, false
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
	s.base, s.changes = rec, nil
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
		_ = s.rebase(rec) // it may be out of date: the store has the last word
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

// retryCAS waits, after a conflict, for the session's turn, and rebases it
// on the record as it is then.
func (s *Session) retryCAS(ctx context.Context, entry *commitqueue.Entry) error {
	s.m.note(ctx, eventConflict, s.id.key)
	if err := entry.Retry(ctx); err != nil {
		return err
	}
	if rec, ok := entry.Handoff(s.base.Version); ok && s.rebase(rec) == nil {
		return nil
	}
	rec, err := s.m.store.Load(ctx, s.id.key)
	if errors.Is(err, ErrNotFound) {
		return ErrEnded
	}
	if err != nil {
		return err
	}
	return s.rebase(rec)
}

// rebase puts the session's changes on top of a newer record. If they do not
// fit there, the session stays as it was.
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

// replace stores the new session that Invalidate began, then removes the old
// one.
func (s *Session) replace(ctx context.Context) error {
	old := s.id.key
	rec, err := s.insertNew(ctx)
	if err != nil {
		return err
	}
	done := false
	defer s.withdrawUnless(ctx, &done)
	if err := s.removeInvalidated(ctx, old); err != nil {
		return err
	}
	done = true
	s.saved(rec)
	s.m.note(ctx, eventDestroyed, old)
	s.m.note(ctx, eventCreated, s.id.key)
	return nil
}

// removeInvalidated removes the session that Invalidate has ended: whatever
// became of it, unless values were popped from it. Those must be there still.
func (s *Session) removeInvalidated(ctx context.Context, key driver.Key) error {
	pops := s.changes.Pops()
	if len(pops) == 0 {
		return s.m.remove(ctx, key, 0)
	}
	for at := s.base.Version; ; {
		err := s.m.remove(ctx, key, at)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		rec, err := s.m.store.Load(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return ErrEnded
		}
		if err != nil {
			return err
		}
		view, err := content.Parse(rec.Data, rec.Owner)
		if err != nil {
			return err
		}
		for _, pop := range pops {
			if err := pop.Apply(&view); err != nil {
				return err
			}
		}
		at = rec.Version
	}
}

// rename stores the session under its new id, then removes it under the old
// one, at the version that was copied. A crash between the two leaves a record
// that nobody holds; the other order would lose the session. If another request
// changed the old record first, its changes are taken along; if one ended the
// session, the new record goes too.
func (s *Session) rename(ctx context.Context) error {
	old := s.id.key
	rec, err := s.insertNew(ctx)
	if err != nil {
		return err
	}
	done := false
	defer s.withdrawUnless(ctx, &done)
	entry := s.m.queues.Entry(old)
	defer entry.Leave()
	for {
		s.m.renews.of(s.base.Owner).moves()
		err := s.m.remove(ctx, old, s.base.Version)
		if err == nil {
			done = true
			s.saved(rec)
			s.m.note(ctx, eventRenewed, s.id.key, old)
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := s.retryCAS(ctx, &entry); err != nil {
			return err
		}
		inserted := rec.Version
		if rec, err = s.record(); err != nil {
			return err
		}
		rec.Hint = nil
		err = s.m.write(ctx, s.next.key, inserted, rec)
		if errors.Is(err, ErrConflict) {
			return ErrEnded // only logging the owner out everywhere knows of it
		}
		if err != nil {
			return err
		}
	}
}

// insertNew stores the session under its next id. An id that is taken, however
// unlikely, is left to its holder, unless that is an earlier try of ours whose
// outcome was unknown: it had landed, and nobody was told of it.
func (s *Session) insertNew(ctx context.Context) (driver.Record, error) {
	if s.headerSent {
		return driver.Record{}, ErrHeaderSent
	}
	for range 3 {
		rec, err := s.record()
		if err != nil {
			return rec, err
		}
		rec.Hint = nil
		err = s.m.write(ctx, s.current().key, 0, rec)
		if !errors.Is(err, ErrConflict) {
			s.next.unsure = errors.Is(err, errUnknown)
			return rec, err
		}
		if s.next.unsure {
			s.withdraw(ctx)
		}
		s.next = newIdentity()
	}
	return driver.Record{}, errors.New("three new session ids in a row were taken: the random source repeats itself")
}

// withdrawUnless withdraws it if the commit came to no good end: the function of
// an Update may panic when it is repeated.
func (s *Session) withdrawUnless(ctx context.Context, done *bool) {
	if !*done {
		s.withdraw(ctx)
	}
}

// withdraw removes the record under the next id, which the client will never
// hold. Should that fail, the record expires unused.
func (s *Session) withdraw(ctx context.Context) {
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	bounded := s.m.storeContext(brief)
	defer bounded.Release()
	if err := s.m.store.Delete(bounded, s.next.key, 0); err != nil {
		s.m.log.Warn("sessions: removing an unused record failed", "session", s.next.key.String(), "error", err)
	}
}

// flushDeletes removes the records of destroyed sessions.
func (s *Session) flushDeletes(ctx context.Context) error {
	bounded := s.m.storeContext(ctx)
	defer bounded.Release()
	for s.pendingDeletes != nil {
		if err := s.m.store.Delete(bounded, s.pendingDeletes.key, 0); err != nil {
			return fmt.Errorf("sessions: destroy: %w", err)
		}
		s.m.note(bounded, eventDestroyed, s.pendingDeletes.key)
		s.pendingDeletes = s.pendingDeletes.next
	}
	return nil
}
