package content

import (
	"fmt"
	"reflect"

	"github.com/pump-go/sessions/internal/codec"
)

// Value is one named value that the request has used: as it is stored, as the
// program has it, or both. It replaces the stored value of its name.
type Value struct {
	name string
	raw  []byte // CBOR; out of date while dirty
	val  any    // the program's, if has
	has  bool
	// mutable: the program may change val in place.
	mutable bool
	// dirty: raw is not the encoding of val.
	dirty bool
	// deleted: the stored value of the name does not count.
	deleted bool
}

// Stored returns the encoding that the value has in the store, or nil if it was
// set since.
func (v *Value) Stored() []byte {
	if v.dirty {
		return nil
	}
	return v.raw
}

// encoded returns the encoding of the value.
func (v *Value) encoded() ([]byte, error) {
	if !v.dirty {
		return v.raw, nil
	}
	raw, err := codec.Marshal(v.val)
	if err != nil {
		return nil, fmt.Errorf("encode %q: %w", v.name, err)
	}
	return raw, nil
}

// encode makes raw the encoding of val.
func (v *Value) encode() error {
	raw, err := v.encoded()
	if err != nil {
		return err
	}
	v.raw, v.dirty = raw, false
	return nil
}

// Get returns the value of the name as a T. found reports whether there is one.
func Get[T any](c *Content, name string) (t T, found bool, err error) {
	v, raw, found := c.Lookup(name)
	if !found {
		return t, false, nil
	}
	if v == nil {
		if t, ok := codec.DecodeScalar[T](raw); ok {
			return t, true, nil
		}
		v = c.Value(name)
	}
	t, err = decode[T](v)
	return t, true, err
}

// decode returns the value as a T. It keeps what it decoded, so that the program
// is given the same map, slice or pointer each time, and a change in place is
// noticed. If the value is read as several types, the first one is kept.
func decode[T any](v *Value) (T, error) {
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
		return t, nil // cannot be changed in place
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

// changedInPlace reports whether the program has changed the value in place, and
// encodes it again if so.
func (v *Value) changedInPlace() (bool, error) {
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
