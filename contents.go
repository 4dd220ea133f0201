package sessions

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

// contents is what a session holds, apart from its times and its identity.
type contents struct {
	stored  packed  // values as they are stored
	values  []value // those that the request has touched, by name, ascending
	flashes []flash // in the order they were added
	owner   string
	expires *token.Expiry  // of the cookie, if the session has its own
	timeout *time.Duration // idle, if the session has its own
}

// value is one named value: as stored, as the program has it, or both. It takes
// the place of the stored one of its name.
type value struct {
	name string
	raw  []byte // CBOR; out of date while dirty
	val  any    // the program's, if has
	has  bool
	// mutable: the program may change val in place.
	mutable bool
	// dirty: raw does not say what val does.
	dirty bool
	// gone: the value was removed, and the stored one is not to come back.
	gone bool
}

// flash is one message of a queue, from when it is added until it is taken. Its
// random id tells it from its equals when requests race for it.
type flash struct {
	queue string
	id    uint64
	raw   []byte
}

// manyValues is from how many on a session's values are all taken apart when one
// is wanted: to walk over them for each would take a time that grows with their
// square.
const manyValues = 64

// search returns where among the touched values the name is, or belongs.
func (c *contents) search(name string) (int, bool) {
	if c.stored.n > manyValues {
		c.values, c.stored = c.stored.unpack(), packed{} // nothing was touched yet
	}
	return sort.Find(len(c.values), func(i int) int { return strings.Compare(name, c.values[i].name) })
}

// at returns the value of the name if it was touched. Otherwise it returns the
// encoding of the stored one. Neither: there is none.
func (c *contents) at(name string) (v *value, raw []byte, ok bool) {
	if i, touched := c.search(name); touched {
		v = &c.values[i]
		return v, nil, !v.gone
	}
	raw, ok = c.stored.find(name)
	return nil, raw, ok
}

// has tells whether there is a value of the name.
func (c *contents) has(name string) bool {
	_, _, ok := c.at(name)
	return ok
}

// find returns the value of the name, which counts as touched from then on, or
// nil. It stays where it is until another is found, set or removed.
func (c *contents) find(name string) *value {
	v, raw, ok := c.at(name)
	switch {
	case !ok:
		return nil
	case v == nil:
		v = c.place(name)
		v.raw = raw
	}
	return v
}

// place makes room for a value of the name, with nothing in it.
func (c *contents) place(name string) *value {
	i, touched := c.search(name)
	if !touched {
		c.values = slices.Insert(c.values, i, value{})
	}
	c.values[i] = value{name: name}
	return &c.values[i]
}

// set puts val under the name.
func (c *contents) set(name string, val any) *value {
	v := c.place(name)
	v.val, v.has, v.mutable, v.dirty = val, true, codec.IsMutable(reflect.TypeOf(val)), true
	return v
}

func (c *contents) remove(name string) {
	i, touched := c.search(name)
	if _, stored := c.stored.find(name); stored {
		c.place(name).gone = true
	} else if touched {
		c.values = slices.Delete(c.values, i, i+1)
	}
}

// empty tells that there is nothing to keep. Settings alone are not kept: they
// have nothing to set.
func (c *contents) empty() bool {
	for i := range c.values {
		if !c.values[i].gone {
			return false
		}
	}
	return len(c.values) == int(c.stored.n) && len(c.flashes) == 0 && c.owner == "" // all that were stored are gone
}

// mutable tells whether the program holds something of the session's that it may
// change in place.
func (c *contents) mutable() bool {
	for i := range c.values {
		if c.values[i].mutable {
			return true
		}
	}
	return false
}

// names returns the names of the values, sorted.
func (c *contents) names() []string {
	list := c.stored.items(c.values)
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].name
	}
	return names
}

// encoded returns the value's present CBOR.
func (v *value) encoded() ([]byte, error) {
	if !v.dirty {
		return v.raw, nil
	}
	raw, err := codec.Marshal(v.val)
	if err != nil {
		return nil, fmt.Errorf("encode %q: %w", v.name, err)
	}
	return raw, nil
}

// settle makes raw say what val does.
func (v *value) settle() error {
	raw, err := v.encoded()
	if err != nil {
		return err
	}
	v.raw, v.dirty = raw, false
	return nil
}

// decode returns the value as a T. What it decoded it remembers, so that the
// same map, slice or pointer is given each time and a change in it is noticed;
// one that was given out as another type stays the remembered one.
func decode[T any](v *value) (T, error) {
	if v.has {
		if t, ok := v.val.(T); ok {
			return t, nil
		}
	}
	raw, err := v.encoded()
	if err != nil {
		return *new(T), err
	}
	if t, ok := codec.DecodeScalar[T](raw); ok {
		return t, nil // nothing that could change in place
	}
	var t T
	if err := codec.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("decode %q: %w", v.name, err)
	}
	if !v.has {
		v.val, v.has, v.mutable = t, true, codec.IsMutable(reflect.TypeFor[T]())
	}
	return t, nil
}

// changedInPlace tells whether the program changed the map, slice or pointer
// that it was given, and encodes it anew if so.
func (v *value) changedInPlace() (bool, error) {
	if !v.has || !v.mutable || v.dirty {
		return false, nil
	}
	now, changed, err := codec.Changed(v.raw, v.val)
	if err != nil {
		return false, fmt.Errorf("encode %q: %w", v.name, err)
	}
	if changed {
		v.raw = now
	}
	return changed, nil
}
