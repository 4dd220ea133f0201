package sessions

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"
)

// contents is what a session holds, apart from its times and its identity.
type contents struct {
	stored  packed  // values as they are stored, until unpack
	values  []value // by name, ascending
	flashes []flash // in the order they were added
	owner   string
	expires *Expiry        // of the cookie, if the session has its own
	timeout *time.Duration // idle, if the session has its own
}

// value is one named value: as stored, as the program has it, or both.
type value struct {
	name string
	raw  []byte // CBOR; out of date while dirty
	val  any    // the program's, if has
	has  bool
	// mutable: the program may change val in place.
	mutable bool
	// dirty: raw does not say what val does.
	dirty bool
}

// flash is one message of a queue, from when it is added until it is taken. Its
// random id tells it from its equals when requests race for it.
type flash struct {
	queue string
	id    uint64
	raw   []byte
}

// unpack makes values of those that are stored.
func (c *contents) unpack() {
	if c.stored.n > 0 {
		c.values, c.stored = c.stored.unpack(), packed{}
	}
}

// count is how many values there are.
func (c *contents) count() int { return c.stored.n + len(c.values) }

// has tells whether there is a value of the name.
func (c *contents) has(name string) bool {
	if c.stored.n > 0 {
		_, ok := c.stored.find(name)
		return ok
	}
	_, ok := c.search(name)
	return ok
}

func (c *contents) search(name string) (int, bool) {
	c.unpack()
	return sort.Find(len(c.values), func(i int) int { return strings.Compare(name, c.values[i].name) })
}

// find returns the value of the name, or nil. It stays where it is until one is
// added or removed.
func (c *contents) find(name string) *value {
	if i, ok := c.search(name); ok {
		return &c.values[i]
	}
	return nil
}

// set puts val under the name.
func (c *contents) set(name string, val any) *value {
	i, ok := c.search(name)
	if !ok {
		c.values = slices.Insert(c.values, i, value{name: name})
	}
	v := &c.values[i]
	v.val, v.has, v.mutable, v.dirty = val, true, isMutable(reflect.TypeOf(val)), true
	return v
}

func (c *contents) remove(name string) {
	if i, ok := c.search(name); ok {
		c.values = slices.Delete(c.values, i, i+1)
	}
}

// empty tells that there is nothing to keep. Settings alone are not kept: they
// have nothing to set.
func (c *contents) empty() bool {
	return c.count() == 0 && len(c.flashes) == 0 && c.owner == ""
}

// encoded returns the value's present CBOR.
func (v *value) encoded() ([]byte, error) {
	if !v.dirty {
		return v.raw, nil
	}
	if raw, ok := encodePlain(v.val); ok {
		return raw, nil
	}
	raw, err := encoder.Marshal(v.val)
	if err != nil {
		return nil, fmt.Errorf("encode %q: %w: %w", v.name, ErrValue, err)
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
	if t, ok := decodePlain[T](raw); ok {
		return t, nil // nothing that could change in place
	}
	var t T
	if err := decoder.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("decode %q: %w: %w", v.name, ErrValue, err)
	}
	if !v.has {
		v.val, v.has, v.mutable = t, true, isMutable(reflect.TypeFor[T]())
	}
	return t, nil
}

// changedInPlace tells whether the program changed the map, slice or pointer
// that it was given, and encodes it anew if so.
func (v *value) changedInPlace() (bool, error) {
	if !v.has || !v.mutable || v.dirty {
		return false, nil
	}
	now, err := encoder.Marshal(v.val)
	if err != nil {
		return false, fmt.Errorf("encode %q: %w: %w", v.name, ErrValue, err)
	}
	if bytes.Equal(now, v.raw) {
		return false, nil
	}
	// Other bytes need not be another value: raw may hold what the program's
	// type leaves out, or come from another encoder. Compare like with like.
	if t := reflect.TypeOf(v.val); t != nil {
		fresh := reflect.New(t)
		if decoder.Unmarshal(v.raw, fresh.Interface()) == nil {
			if was, err := encoder.Marshal(fresh.Elem().Interface()); err == nil && bytes.Equal(now, was) {
				return false, nil
			}
		}
	}
	v.raw = now
	return true, nil
}
