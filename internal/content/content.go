// Package content is what a session holds: its values, flash messages, owner and
// settings. It encodes them into a record's data, and applies a request's
// changes, again if need be, to what is stored.
package content

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/pump-go/sessions/internal/codec"
	"github.com/pump-go/sessions/internal/token"
)

// Content is what a session holds, apart from its times and its identity. The
// zero Content is empty.
type Content struct {
	Flashes     []Flash // in the order they were added
	Owner       string
	Expires     *token.Expiry  // of the cookie, if the session has its own
	IdleTimeout *time.Duration // if the session has its own
	Lifetime    *time.Duration // likewise
	Note        []byte         // the guard's; belongs to the owner

	stored  stored  // the values as they are stored
	overlay []Value // the values that the request has used, sorted by name
}

// Flash is one message of a queue. Its random ID distinguishes it from equal
// messages when parallel requests take it.
type Flash struct {
	Queue string
	ID    uint64
	Raw   []byte // CBOR
}

// MaxTimeout is the longest idle timeout and lifetime. It keeps sums of times in range.
const MaxTimeout = 100 * 365 * 24 * time.Hour

// MaxNote is the maximum length of a note, in bytes.
const MaxNote = 1024

// manyValues is the number of values from which on all of them are moved to the
// overlay when one is used: walking over the stored ones for each would take
// quadratic time.
const manyValues = 64

// search returns the index of the name in the overlay, or where to insert it.
func (c *Content) search(name string) (int, bool) {
	if c.stored.n > manyValues {
		c.overlay, c.stored = c.stored.values(), stored{} // the overlay was empty
	}
	return sort.Find(len(c.overlay), func(i int) int { return strings.Compare(name, c.overlay[i].name) })
}

// Lookup returns the value of the name if the request has used it, and otherwise
// the encoding of the stored one. ok reports whether there is either.
func (c *Content) Lookup(name string) (v *Value, raw []byte, ok bool) {
	if i, used := c.search(name); used {
		v = &c.overlay[i]
		return v, nil, !v.deleted
	}
	raw, ok = c.stored.find(name)
	return nil, raw, ok
}

// Has reports whether there is a value of the name.
func (c *Content) Has(name string) bool {
	_, _, ok := c.Lookup(name)
	return ok
}

// Value returns the value of the name, or nil. The pointer is valid until another
// value is used, set or deleted.
func (c *Content) Value(name string) *Value {
	v, raw, ok := c.Lookup(name)
	switch {
	case !ok:
		return nil
	case v == nil:
		v = c.slot(name)
		v.raw = raw
	}
	return v
}

// slot returns an empty value of the name in the overlay.
func (c *Content) slot(name string) *Value {
	i, used := c.search(name)
	if !used {
		c.overlay = slices.Insert(c.overlay, i, Value{})
	}
	c.overlay[i] = Value{name: name}
	return &c.overlay[i]
}

// Set sets the value of the name.
func (c *Content) Set(name string, val any) *Value {
	v := c.slot(name)
	v.val, v.has, v.mutable, v.dirty = val, true, codec.IsMutable(reflect.TypeOf(val)), true
	return v
}

// Delete removes the value of the name.
func (c *Content) Delete(name string) {
	i, used := c.search(name)
	if _, stored := c.stored.find(name); stored {
		c.slot(name).deleted = true
	} else if used {
		c.overlay = slices.Delete(c.overlay, i, i+1)
	}
}

// Empty reports whether there is nothing to store. Settings and a note alone are
// not stored.
func (c *Content) Empty() bool {
	for i := range c.overlay {
		if !c.overlay[i].deleted {
			return false
		}
	}
	return len(c.overlay) == int(c.stored.n) && len(c.Flashes) == 0 && c.Owner == "" // all that were stored are deleted
}

// Mutable reports whether the program holds a value that it may change in place.
func (c *Content) Mutable() bool {
	for i := range c.overlay {
		if c.overlay[i].mutable {
			return true
		}
	}
	return false
}

// Item is an encoded value with its name.
type Item struct {
	Name string
	Raw  []byte // CBOR
}

// Items returns the values as they were last encoded, sorted by name.
func (c *Content) Items() []Item { return c.stored.items(c.overlay) }

// Names returns the names of the values, sorted.
func (c *Content) Names() []string {
	list := c.Items()
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names
}

// ChangesInPlace appends to list a change for each value that the program has
// changed in place since it was last encoded.
func (c *Content) ChangesInPlace(list Changes) (Changes, error) {
	for i := range c.overlay {
		v := &c.overlay[i]
		changed, err := v.changedInPlace()
		if err != nil {
			return list, err
		}
		if changed {
			list = append(list, &Set{Name: v.name, Val: v.val})
		}
	}
	return list, nil
}

// Freeze replaces the program's value of the name in list by its encoding. It is
// called before an Update, whose function may change the value in place and has
// to find it unchanged whenever it runs again.
func (c *Content) Freeze(name string, list Changes) (Changes, error) {
	v := c.Value(name)
	if v == nil || !v.has || !v.mutable {
		return list, nil
	}
	changed, err := v.changedInPlace()
	if err == nil {
		err = v.encode()
	}
	if err == nil && (changed || list.holdsValue(name)) {
		list = list.Append(&Set{Name: name, Raw: v.raw})
	}
	return list, err
}

// Adopt takes over from old the values that the program holds, so that changes
// in place are still noticed, where the stored value is the same.
func (c *Content) Adopt(old *Content) {
	for i := range old.overlay {
		v := &old.overlay[i]
		if !v.has || !v.mutable || v.dirty || v.deleted {
			continue
		}
		used, raw, ok := c.Lookup(v.name)
		if used != nil {
			raw = used.raw
		}
		if ok && string(raw) == string(v.raw) {
			kept := c.slot(v.name)
			*kept = *v
			kept.raw = raw
		}
	}
}

// Decode stores the value of the name in what into points to. ok reports whether
// there is one.
func (c *Content) Decode(name string, into any) (ok bool, err error) {
	v := c.Value(name)
	if v == nil {
		return false, nil
	}
	raw, err := v.encoded()
	if err != nil {
		return true, err
	}
	if err := codec.Unmarshal(raw, into); err != nil {
		return true, fmt.Errorf("decode %q: %w", name, err)
	}
	return true, nil
}
