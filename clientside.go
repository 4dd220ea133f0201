package sessions

import (
	"context"
	"errors"
	"fmt"
)

// This file has what differs for a store that keeps its records with the client.
// There is nothing to compare and swap, and each commit makes a new token.

// unsealFirst is open for a store that keeps its records with the client.
func (s *Session) unsealFirst(decide func(Held) error) error {
	var result error = ErrNotFound
	for token := range s.clientTokens() {
		err := s.unseal(token)
		if err == nil {
			if err = s.admit(decide); !isRefusal(err) {
				return err
			}
			result = err
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return result
}

func (s *Session) unseal(token string) error {
	sealed, err := s.m.sealer.Unseal(token)
	if err != nil {
		return err
	}
	if err := s.adopt(sealed.Record); err != nil {
		return err
	}
	s.id = identity{key: sealed.Key, known: true}
	s.oldSecret, s.sealed = sealed.Stale, token
	return nil
}

// commitSealed seals the session again if anything in it has changed.
func (s *Session) commitSealed(ctx context.Context, write bool) error {
	stored := s.base.Version != 0
	if !stored && s.view.Empty() {
		return nil
	}
	changed := write && (len(s.changes) > 0 || s.idChange != keepID || !stored)
	due := stored && s.idChange == keepID && !s.quiet && (s.oldSecret || s.refreshDue())
	switch {
	case !changed && !due:
		return nil
	case s.headerSent && changed:
		return fmt.Errorf("sessions: save: %w", ErrHeaderSent)
	case s.headerSent:
		return nil
	}
	rec := s.base
	if changed {
		var err error
		if rec, err = s.record(); err != nil {
			return err
		}
	} else {
		s.times(&rec)
	}
	key := s.current().key
	token, err := s.m.sealer.Seal(key, rec)
	if err != nil {
		return fmt.Errorf("sessions: save: %w", err)
	}
	if changed {
		moved, before := s.idChange, s.id.key
		s.saved(rec)
		switch {
		case moved == renew:
			s.m.note(sessionless{ctx}, eventRenewed, key, before)
		case moved == invalidate || !stored:
			s.m.note(sessionless{ctx}, eventCreated, key)
		}
	} else {
		s.base.Accessed, s.base.Expires = rec.Accessed, rec.Expires
	}
	s.sealed, s.oldSecret, s.cookieAction = token, false, setCookie
	return nil
}
