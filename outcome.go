package sessions

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions/driver"
)

// maxSends is how often one write is sent before its outcome stays unknown.
const maxSends = 3

// errUnknown: a write may be stored, or not.
var errUnknown = errors.New("the outcome of the write is unknown")

// write saves a record and makes sure of the outcome. It returns nil if the
// record is stored, ErrConflict if nothing was written because the stored
// version is not old, and ErrEnded if it was written, or may have been, and the
// session has been ended since.
//
// A Save that timed out may have landed, or may yet. The version tells: it was
// drawn for this write alone. If it is there, all is well. If the old one still
// is, the identical write goes out again: should both arrive, one of them finds
// the old version gone. If a third one is there, ours may lie beneath it, and
// writing again could count an update twice: that is a failure to report.
func (m *Manager) write(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	var unsure error
	for range maxSends {
		err := m.store.Save(ctx, key, old, rec)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrConflict), errors.Is(err, driver.ErrNotWritten):
			if unsure == nil {
				return err
			}
		case errors.Is(err, ErrTooLarge), errors.Is(err, ErrClosed), errors.Is(err, errors.ErrUnsupported):
			return err
		default:
			unsure = err
		}
		now, err := m.store.Load(ctx, key)
		if err == nil && now.Version == rec.Version {
			return nil
		}
		if err == nil {
			err = asForward(now) // the session was renewed since
		}
		switch {
		case err == nil && now.Version == old:
			rec.Hint = now.Hint
		case err == nil:
			return fmt.Errorf("%w, and another request has changed the session since: %w", errUnknown, unsure)
		case errors.Is(err, ErrNotFound) && old == 0:
		case errors.Is(err, ErrNotFound):
			return ended(err)
		default:
			return fmt.Errorf("%w: %w", errUnknown, errors.Join(unsure, err))
		}
	}
	return fmt.Errorf("%w: %w", errUnknown, unsure)
}
