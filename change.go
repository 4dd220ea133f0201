package sessions

import (
	"bytes"
	"fmt"
	"time"

	"github.com/pump-go/sessions/internal/token"
)

// change is one thing that a request did to its session. The session applies it
// to its own view at once, and again to the newer record whenever a commit
// finds that another request was faster: that is how parallel requests merge.
type change interface {
	apply(*contents) error
}

type setValue struct {
	name string
	val  any
	raw  []byte // in place of val: its encoding, if val may have changed since
}

func (ch *setValue) apply(c *contents) error {
	if ch.raw != nil {
		c.place(ch.name).raw = ch.raw
		return nil
	}
	c.set(ch.name, ch.val)
	return nil
}

type deleteValue struct{ name string }

func (ch *deleteValue) apply(c *contents) error {
	c.remove(ch.name)
	return nil
}

// updateValue computes the value from the one that is there, or from the zero T.
type updateValue[T any] struct {
	name string
	f    func(T) T
}

func (ch *updateValue[T]) apply(c *contents) error {
	var old T
	if v := c.find(ch.name); v != nil {
		var err error
		if old, err = decode[T](v); err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}
	v := c.set(ch.name, ch.f(old))
	if !v.mutable {
		return nil
	}
	// Encoded at once, so that what the program does later to the map or slice
	// that it returned is noticed as a change of its own.
	return v.settle()
}

func (ch *updateValue[T]) updates() string { return ch.name }

// popValue takes a value out, if it is still the one that the program saw.
type popValue struct {
	name string
	seen []byte
}

func (ch *popValue) apply(c *contents) error {
	v := c.find(ch.name)
	if v == nil {
		return fmt.Errorf("pop %q: taken by another request: %w", ch.name, ErrConflict)
	}
	raw, err := v.encoded()
	if err != nil {
		return err
	}
	if !bytes.Equal(raw, ch.seen) {
		return fmt.Errorf("pop %q: replaced by another request: %w", ch.name, ErrConflict)
	}
	c.remove(ch.name)
	return nil
}

// earlierPop is one from a session that was invalidated since: the new session
// has nothing of it, and the old one must have it when it is removed.
type earlierPop struct{ pop *popValue }

func (earlierPop) apply(*contents) error { return nil }

// earlier keeps what an Invalidate must not drop of the changes before it.
func earlier(list []change) (kept []change) {
	for _, ch := range list {
		switch ch := ch.(type) {
		case *popValue:
			kept = append(kept, earlierPop{ch})
		case earlierPop:
			kept = append(kept, ch)
		}
	}
	return kept
}

// pops returns the pops in the list that earlier has kept.
func pops(list []change) (pops []*popValue) {
	for _, ch := range list {
		if ch, ok := ch.(earlierPop); ok {
			pops = append(pops, ch.pop)
		}
	}
	return pops
}

// clearAll removes the values and flashes that are there when it is applied.
type clearAll struct{}

func (clearAll) apply(c *contents) error {
	c.stored, c.values, c.flashes = packed{}, nil, nil
	return nil
}

type addFlash struct{ flash flash }

func (ch *addFlash) apply(c *contents) error {
	c.flashes = append(c.flashes, ch.flash)
	return nil
}

// takeFlashes removes the flashes that were read, and no others.
type takeFlashes struct{ ids map[uint64]bool }

func (ch *takeFlashes) apply(c *contents) error {
	kept := c.flashes[:0:0]
	for _, f := range c.flashes {
		if !ch.ids[f.id] {
			kept = append(kept, f)
		}
	}
	c.flashes = kept
	return nil
}

type setOwner struct{ owner string }

func (ch *setOwner) apply(c *contents) error {
	c.owner = ch.owner
	return nil
}

type setExpires struct{ expires token.Expiry }

func (ch *setExpires) apply(c *contents) error {
	c.expires = &ch.expires
	return nil
}

type setTimeout struct{ timeout time.Duration }

func (ch *setTimeout) apply(c *contents) error {
	c.timeout = &ch.timeout
	return nil
}

// overwrites tells which value the change replaces, if it does so whatever was
// there.
func overwrites(ch change) (name string, ok bool) {
	switch ch := ch.(type) {
	case *setValue:
		return ch.name, true
	case *deleteValue:
		return ch.name, true
	default:
		return "", false
	}
}

// appendChange adds ch to the list. A value that is set over and over takes one
// place in it.
func appendChange(list []change, ch change) []change {
	if n := len(list); n > 0 {
		last, ok := overwrites(list[n-1])
		if name, ok2 := overwrites(ch); ok && ok2 && name == last {
			list[n-1] = ch
			return list
		}
	}
	return append(list, ch)
}

// sets tells whether a change in the list holds the value of the name itself,
// rather than its encoding.
func sets(list []change, name string) bool {
	for _, ch := range list {
		if ch, ok := ch.(*setValue); ok && ch.name == name && ch.raw == nil {
			return true
		}
	}
	return false
}

// touches tells whether a change in the list concerns the value of the name.
func touches(list []change, name string) bool {
	for _, ch := range list {
		switch ch := ch.(type) {
		case *setValue:
			if ch.name == name {
				return true
			}
		case interface{ updates() string }:
			if ch.updates() == name {
				return true
			}
		case *deleteValue:
			if ch.name == name {
				return true
			}
		}
	}
	return false
}
