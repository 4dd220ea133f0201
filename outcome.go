package sessions

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions/driver"
)

// maxSends is how often a write is sent before its outcome is reported as
// unknown.
const maxSends = 3

// errUnknown: the write may or may not have been stored.
var errUnknown = errors.New("the outcome of the write is unknown")

// errNotStored is an errUnknown of an insert: the store does not have the record,
// and may still insert it.
var errNotStored = fmt.Errorf("%w: nothing is stored yet", errUnknown)

// write saves a record and resolves the outcome. It returns nil if the record
// is stored, ErrConflict if nothing was written because the stored version is
// not old, and ErrEnded if it was, or may have been, written and the session
// has ended since.
//
// A Save that timed out may have been stored, or may still be stored later. Each
// write has its own version, so write loads the record and compares. If the
// version is ours, the write succeeded. If it is the old one, the identical write
// is sent again; if both arrive, the second conflicts. If it is a third one, ours
// may have been stored before it. Writing again could count an update twice, so
// this is reported as a failure. If rec is a forward, a third version is a certain
// ErrConflict: only forwards follow a forward. An insert is not sent again under the same key:
// if the session is destroyed before the first one arrives, that does not conflict.
func (m *Manager) write(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return m.send(ctx, key, old, rec, nil)
}

// renew writes the forward at oldKey and the record at key by the store's Renewer,
// and resolves the outcome as write does, by the forward: either both records are stored
// or neither.
func (m *Manager) renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	return m.send(ctx, oldKey, old, forward, &driver.Entry{Key: key, Record: rec})
}

// send is write if renewed is nil, or else renew.
func (m *Manager) send(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record, renewed *driver.Entry) error {
	var unsure error
	for range maxSends {
		var err error
		if renewed == nil {
			err = m.store.Save(ctx, key, old, rec)
		} else {
			err = m.renewer.Renew(ctx, key, old, rec, renewed.Key, renewed.Record)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrConflict), errors.Is(err, driver.ErrNotWritten),
			errors.Is(err, ErrTooLarge), errors.Is(err, ErrClosed), errors.Is(err, errors.ErrUnsupported):
			if unsure == nil {
				return err
			}
		default:
			unsure = err
		}
		now, err := m.store.Load(ctx, key)
		if err == nil && now.Version == rec.Version {
			return nil
		}
		if err == nil {
			err = asForward(now) // the session may have been renewed
		}
		switch {
		case err == nil && now.Version == old:
			rec.Hint = now.Hint
		case err == nil && asForward(rec) != nil:
			return ErrConflict
		case err == nil:
			return fmt.Errorf("%w, and another request has changed the session since: %w", errUnknown, unsure)
		case errors.Is(err, ErrNotFound) && old == 0:
			return fmt.Errorf("%w: %w", errNotStored, unsure)
		case errors.Is(err, ErrNotFound):
			return ended(err)
		default:
			return fmt.Errorf("%w: %w", errUnknown, errors.Join(unsure, err))
		}
	}
	return fmt.Errorf("%w: %w", errUnknown, unsure)
}
