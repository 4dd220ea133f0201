package codec

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// maxLevels is how many arrays, maps and structs of a value may contain each
// other: what the decoder reads.
const maxLevels = 256

// maxPointers is how many pointers and interfaces may lead to the innermost
// value. They are not encoded, so only a value that refers to itself has so many.
const maxPointers = 16 * maxLevels

var (
	errTooDeep = fmt.Errorf("over %d levels deep, or it refers to itself", maxLevels)
	errCircle  = errors.New("it refers to itself")
)

// lossError is the reason why a value could not be decoded after it was encoded.
// Its text names types and fields, and nothing of the value.
type lossError struct{ path, reason string }

func (e *lossError) Error() string { return e.path + ": " + e.reason }

// at adds the step that led to the part of a value that err is about.
func at(step string, err error) error {
	if loss, ok := err.(*lossError); ok {
		loss.path = step + loss.path
	}
	return err
}

// walker walks over a value before it is encoded. It looks for what could not be
// decoded, and for a value that the CBOR library would follow until the stack
// overflows, from which a program cannot recover.
type walker struct {
	methods, verify bool // as in typeInfo, for all types that were found
}

// any is value without reflection for what interfaces usually contain.
func (w *walker) any(v any, levels, pointers int) error {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64, []byte, time.Time:
		return nil
	case map[string]any:
		return w.each(maps.Values(v), v == nil, levels, pointers)
	case []any:
		return w.each(slices.Values(v), v == nil, levels, pointers)
	default:
		return w.value(reflect.ValueOf(v), levels, pointers)
	}
}

func (w *walker) each(inner iter.Seq[any], isNil bool, levels, pointers int) error {
	if isNil {
		return nil
	}
	if levels == 0 {
		return errTooDeep
	}
	for v := range inner {
		if err := w.any(v, levels-1, pointers); err != nil {
			return at("[]", err)
		}
	}
	return nil
}

// value returns an error if v has more than the levels and the pointers, or
// contains something that could not be decoded.
func (w *walker) value(v reflect.Value, levels, pointers int) error {
	info := infoOf(v.Type())
	w.methods, w.verify = w.methods || info.methods, w.verify || info.verify
	if !info.walk {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return nil
		}
	}
	switch {
	case info.lost != "":
		return &lossError{reason: info.lost}
	case v.Kind() == reflect.Interface:
		return w.any(v.Interface(), levels, pointers)
	case v.Kind() == reflect.Pointer:
		if pointers == 0 {
			return errCircle
		}
		return w.value(v.Elem(), levels, pointers-1)
	case v.Type() == reflect.TypeFor[cbor.Tag](): // not always a level
		if pointers == 0 {
			return errCircle
		}
		return at(".Content", w.any(v.Interface().(cbor.Tag).Content, levels, pointers-1))
	case info.marshals != nil:
		return checkEmbedded(v, info)
	case info.opaque:
		if v.IsZero() {
			return nil
		}
		return &lossError{reason: v.Type().String() + " has only unexported fields, and no MarshalBinary or MarshalText"}
	case levels == 0:
		return errTooDeep
	}
	switch levels--; v.Kind() {
	case reflect.Struct:
		return w.fields(v, info, levels, pointers)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := w.value(v.Index(i), levels, pointers); err != nil {
				return at("[]", err)
			}
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			key.SetIterKey(it)
			elem.SetIterValue(it)
			if err := w.value(key, levels, pointers); err != nil {
				return at("[key]", err)
			}
			if err := w.value(elem, levels, pointers); err != nil {
				return at("[]", err)
			}
		}
	}
	return nil
}

func (w *walker) fields(v reflect.Value, info *typeInfo, levels, pointers int) error {
	for _, f := range info.fields {
		part, err := v.FieldByIndexErr(f.index)
		switch {
		case err != nil && !(info.toArray && f.unsettable): // in an embedded struct that is nil
		case err == nil && f.omitted && !info.toArray && part.IsZero():
		case f.unsettable:
			return &lossError{f.path, "the field is in an embedded pointer to an unexported struct, which cannot be decoded"}
		default:
			if err := w.value(part, levels, pointers); err != nil {
				return at(f.path, err)
			}
		}
	}
	for _, f := range info.dropped {
		if part, err := v.FieldByIndexErr(f.index); err == nil && !part.IsZero() {
			return &lossError{f.path, "the field is not encoded, because another has the same name"}
		}
	}
	return nil
}

// checkEmbedded looks for a struct whose encoding is that of an embedded field,
// because the struct got its method from there, though it has other fields.
func checkEmbedded(v reflect.Value, info *typeInfo) error {
	outer := reflect.New(v.Type())
	outer.Elem().Set(v)
	for _, i := range info.embeds {
		// A new value of the field's type may be unexported.
		f := outer.Elem().Field(i)
		f = reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
		if f.Kind() == reflect.Interface || f.Kind() == reflect.Pointer {
			if f.IsNil() {
				continue
			}
		}
		if f.Kind() != reflect.Interface && f.Kind() != reflect.Pointer {
			f = f.Addr()
		}
		whole, err := info.marshals.call(outer.Interface())
		if err != nil {
			return nil // as the library will find
		}
		part, err := info.marshals.call(f.Interface())
		if err != nil || !bytes.Equal(whole, part) {
			continue
		}
		for _, other := range info.fields {
			if other.index[0] == i {
				continue
			}
			if got, err := v.FieldByIndexErr(other.index); err == nil && !got.IsZero() {
				return &lossError{other.path, fmt.Sprintf("the field is not encoded, because the %s of the embedded %s encodes %v",
					info.marshals.method, v.Type().Field(i).Name, v.Type())}
			}
		}
	}
	return nil
}

// checkLevels counts the levels of an encoding as the decoder will: those of
// types with MarshalCBOR cannot be known in advance.
func checkLevels(raw []byte) error {
	err := decMode.Wellformed(raw)
	if _, deep := errors.AsType[*cbor.MaxNestedLevelError](err); deep {
		return errTooDeep
	}
	return err
}
