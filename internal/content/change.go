package content

import (
	"bytes"
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/token"
)

// A Change is one thing that a request did to its session. It is applied to the
// session's own content at once, and again to the newer record whenever a commit
// finds that another request has committed first: so parallel requests merge.
type Change interface {
	Apply(*Content) error
}

// Set sets a value.
type Set struct {
	Name string
	Val  any
	Raw  []byte // instead of Val: its encoding, if Val may have changed since
}

// Apply implements Change.
func (ch *Set) Apply(c *Content) error {
	if ch.Raw != nil {
		c.slot(ch.Name).raw = ch.Raw
		return nil
	}
	c.Set(ch.Name, ch.Val)
	return nil
}

// Delete removes a value.
type Delete struct{ Name string }

// Apply implements Change.
func (ch *Delete) Apply(c *Content) error {
	c.Delete(ch.Name)
	return nil
}

// Update computes a value from the current one, or from the zero T.
type Update[T any] struct {
	Name string
	F    func(T) T
}

// Apply implements Change.
func (ch *Update[T]) Apply(c *Content) error {
	var old T
	if v := c.Value(ch.Name); v != nil {
		var err error
		if old, err = decode[T](v); err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}
	v := c.Set(ch.Name, ch.F(old))
	if !v.mutable {
		return nil
	}
	// Encode now, so that what the program does later to the map or slice that F
	// returned is noticed as a change in place.
	return v.encode()
}

func (ch *Update[T]) updates() string { return ch.Name }

// Pop removes a value, if it is still the one that the program has seen.
type Pop struct {
	Name string
	Seen []byte // its encoding
}

// Apply implements Change.
func (ch *Pop) Apply(c *Content) error {
	v := c.Value(ch.Name)
	if v == nil {
		return fmt.Errorf("pop %q: taken by another request: %w", ch.Name, driver.ErrConflict)
	}
	raw, err := v.encoded()
	if err != nil {
		return err
	}
	if !bytes.Equal(raw, ch.Seen) {
		return fmt.Errorf("pop %q: replaced by another request: %w", ch.Name, driver.ErrConflict)
	}
	c.Delete(ch.Name)
	return nil
}

// earlierPop is a Pop of a session that was invalidated since. The new session
// does not have the value; the old one must still have it when it is removed.
type earlierPop struct{ pop *Pop }

func (earlierPop) Apply(*Content) error { return nil }

// Clear removes the values and flash messages that are there when it is applied.
type Clear struct{}

// Apply implements Change.
func (Clear) Apply(c *Content) error {
	c.stored, c.overlay, c.Flashes = stored{}, nil, nil
	return nil
}

// AddFlash appends a flash message.
type AddFlash struct{ Flash Flash }

// Apply implements Change.
func (ch *AddFlash) Apply(c *Content) error {
	c.Flashes = append(c.Flashes, ch.Flash)
	return nil
}

// TakeFlashes removes the flash messages that were read, and no others.
type TakeFlashes struct{ IDs map[uint64]bool }

// Apply implements Change.
func (ch *TakeFlashes) Apply(c *Content) error {
	kept := c.Flashes[:0:0]
	for _, f := range c.Flashes {
		if !ch.IDs[f.ID] {
			kept = append(kept, f)
		}
	}
	c.Flashes = kept
	return nil
}

// SetOwner sets the owner.
type SetOwner struct{ Owner string }

// Apply implements Change.
func (ch *SetOwner) Apply(c *Content) error {
	if c.Owner != ch.Owner {
		c.Note = nil // it was made for the other owner
	}
	c.Owner = ch.Owner
	return nil
}

// EditNote replaces the note by what F returns for it. F may refuse.
type EditNote struct {
	F     func(old []byte) ([]byte, error)
	Owner string // for whom
}

// Apply implements Change.
func (ch *EditNote) Apply(c *Content) error {
	if c.Owner != ch.Owner {
		return fmt.Errorf("edit note: another request changed the owner: %w", driver.ErrConflict)
	}
	note, err := ch.F(c.Note)
	if err == nil && len(note) > MaxNote {
		err = fmt.Errorf("%d bytes, at most %d: %w", len(note), MaxNote, driver.ErrTooLarge)
	}
	if err != nil {
		return fmt.Errorf("edit note: %w", err)
	}
	c.Note = append([]byte(nil), note...) // nil if it is empty
	return nil
}

// SetExpires gives the session's cookie its own expiry.
type SetExpires struct{ Expires token.Expiry }

// Apply implements Change.
func (ch *SetExpires) Apply(c *Content) error {
	c.Expires = &ch.Expires
	return nil
}

// SetIdleTimeout gives the session its own idle timeout.
type SetIdleTimeout struct{ Timeout time.Duration }

// Apply implements Change.
func (ch *SetIdleTimeout) Apply(c *Content) error {
	c.IdleTimeout = &ch.Timeout
	return nil
}

// SetLifetime gives the session its own lifetime.
type SetLifetime struct{ Lifetime time.Duration }

// Apply implements Change.
func (ch *SetLifetime) Apply(c *Content) error {
	c.Lifetime = &ch.Lifetime
	return nil
}

// ResetSettings removes the session's own settings.
type ResetSettings struct{}

// Apply implements Change.
func (ResetSettings) Apply(c *Content) error {
	c.Expires, c.IdleTimeout, c.Lifetime = nil, nil, nil
	return nil
}
