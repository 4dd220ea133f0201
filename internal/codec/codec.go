// Package codec encodes the values of a session and decodes them. The format is
// CBOR (RFC 8949): compact, typed, and without registration of types.
package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// ErrInvalidValue is returned for a value that cannot be encoded, and for an
// encoding that cannot be decoded into the type that is asked for.
var ErrInvalidValue = errors.New("invalid session value")

// The encoding is deterministic, so that equal values are equal bytes and a
// change in place shows. Strings are Go's, so invalid UTF-8 passes.
var encMode = must(cbor.EncOptions{
	Sort:          cbor.SortCoreDeterministic,
	ShortestFloat: cbor.ShortestFloat16,
	Time:          cbor.TimeRFC3339Nano,
	TimeTag:       cbor.EncTagRequired,
	TextMarshaler: cbor.TextMarshalerTextString,
}.EncMode())

// The modes differ in the type of a map that is decoded into an interface.
var (
	decMode     = must(decOptions(reflect.TypeFor[map[string]any]()).DecMode())
	anyKeysMode = must(decOptions(reflect.TypeFor[map[any]any]()).DecMode())
	verifyMode  = must(func() cbor.DecOptions {
		o := decOptions(reflect.TypeFor[map[any]any]())
		o.DupMapKey = cbor.DupMapKeyEnforcedAPF
		return o
	}().DecMode())
)

func decOptions(maps reflect.Type) cbor.DecOptions {
	return cbor.DecOptions{
		UTF8:            cbor.UTF8DecodeInvalid,
		DefaultMapType:  maps,
		IntDec:          cbor.IntDecConvertSignedOrBigInt,
		TimeTagToAny:    cbor.TimeTagToTime,
		TextUnmarshaler: cbor.TextUnmarshalerTextString,
		// The record bounds these, so a program may keep what it could save.
		MaxArrayElements: 1<<31 - 1,
		MaxMapPairs:      1<<31 - 1,
		MaxNestedLevels:  maxLevels, // which the encoder keeps to
	}
}

// Marshal returns the encoding of v. A value that could not be decoded into its
// type again is refused. The error is an ErrInvalidValue.
func Marshal(v any) ([]byte, error) {
	if raw, ok := encodeScalar(v); ok {
		return raw, nil
	}
	raw, w, err := encode(v)
	if err == nil {
		err = w.check(raw, v)
	}
	return raw, err
}

// encode returns the encoding of v, and what a walk over v has found.
func encode(v any) (raw []byte, w walker, err error) {
	if v == nil {
		raw, err = encMode.Marshal(nil)
		return raw, w, err
	}
	t := reflect.TypeOf(v)
	info := infoOf(t)
	w = walker{methods: info.methods, verify: info.verify}
	if v = inWholeMinutes(v); info.walk {
		err = w.any(v, maxLevels, maxPointers)
	}
	if err == nil {
		raw, err = marshal(v)
	}
	if err == nil && info.levels > maxLevels {
		err = checkLevels(raw)
	}
	return raw, w, invalid(t, err)
}

// marshal returns an error if a method of the value panics, such as one of an embedded
// pointer that is nil.
func marshal(v any) (raw []byte, err error) {
	defer func() {
		if recover() != nil {
			raw, err = nil, &lossError{reason: "encoding it panics"}
		}
	}()
	return encMode.Marshal(v)
}

// check decodes the encoding of v if its types do not guarantee that it can be
// decoded: a method may not accept what its inverse returned, or map keys may
// have become equal.
func (w *walker) check(raw []byte, v any) (err error) {
	if !w.methods && !w.verify {
		return nil
	}
	t := reflect.TypeOf(v)
	defer func() {
		if recover() != nil { // such as a method of an embedded pointer, which is nil in a new value
			err = invalid(t, &lossError{reason: "decoding its encoding panics"})
		}
	}()
	switch err := verifyMode.Unmarshal(raw, reflect.New(t).Interface()); {
	case err == nil:
		return nil
	case w.verify:
		return invalid(t, &lossError{reason: "the keys of a map are encoded alike, or cannot be decoded as keys"})
	default:
		return invalid(t, &lossError{reason: "its encoding cannot be decoded: " + decodeError{err}.Error()})
	}
}

// invalid returns err as an ErrInvalidValue about a value of type t.
func invalid(t reflect.Type, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalidValue, at(elemOf(t).String(), err))
}

// tries is how often a value is encoded to find out whether its encoding varies. A
// map of two entries, as gob encodes it, comes in the same order 7 times of 8. Two
// that were filled in opposite orders look constant and different, in all tries,
// once in 10^11 times.
const tries = 100

// Changed reports whether v is another value than raw encodes, and returns the
// encoding of v. Where the encoding of v varies from call to call, as gob's does
// for a map, a change is not noticed.
func Changed(raw []byte, v any) (now []byte, changed bool, err error) {
	now, w, err := encode(v)
	if err != nil || v == nil || bytes.Equal(now, raw) {
		return now, err == nil && !bytes.Equal(now, raw), err
	}
	// Other bytes need not be another value: raw may contain what the type of v
	// leaves out, or come from another encoder. Compare like with like.
	stored := reflect.New(reflect.TypeOf(v))
	if unmarshal(raw, stored.Interface()) != nil {
		return now, true, w.check(now, v)
	}
	was, _, err := encode(stored.Elem().Interface())
	if err != nil {
		return now, true, w.check(now, v)
	}
	if bytes.Equal(now, was) {
		return now, false, nil
	}
	if !w.methods {
		return now, true, w.check(now, v)
	}
	for range tries {
		again, _, err := encode(v)
		if err != nil {
			return nil, false, err
		}
		wasAgain, _, err := encode(stored.Elem().Interface())
		if err != nil {
			return now, true, w.check(now, v)
		}
		if !bytes.Equal(now, again) || !bytes.Equal(was, wasAgain) {
			return now, false, nil // it varies
		}
	}
	return now, true, w.check(now, v)
}

// inWholeMinutes returns v, but in UTC if it is a time whose zone is off by
// seconds, as before there were standard times: RFC 3339 has no place for these,
// and the CBOR library would leave them out.
func inWholeMinutes(v any) any {
	switch t := v.(type) {
	case time.Time:
		if _, offset := t.Zone(); offset%60 != 0 {
			return t.UTC()
		}
	case *time.Time:
		if t != nil {
			if _, offset := t.Zone(); offset%60 != 0 {
				return t.UTC()
			}
		}
	}
	return v
}

// Decode returns the value of type T that raw encodes. The error is an
// ErrInvalidValue.
func Decode[T any](raw []byte) (T, error) {
	t, ok := DecodeScalar[T](raw)
	if ok {
		return t, nil
	}
	err := Unmarshal(raw, &t)
	return t, err
}

// Unmarshal stores the value that raw encodes in what into points to. The error
// is an ErrInvalidValue, whose text quotes nothing of the value.
func Unmarshal(raw []byte, into any) error {
	if err := unmarshal(raw, into); err != nil {
		return decodeError{err}
	}
	return nil
}

func unmarshal(raw []byte, into any) error {
	err := decMode.Unmarshal(raw, into)
	if _, mismatch := errors.AsType[*cbor.UnmarshalTypeError](err); !mismatch || !infoOf(reflect.TypeOf(into)).dynamic {
		return err
	}
	// A map in an interface may have keys that are not text.
	if anyKeysMode.Unmarshal(raw, into) != nil {
		return err
	}
	return nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("sessions/internal/codec: " + err.Error()) // constant options: a mistake in this file
	}
	return v
}

// IsMutable reports whether a value of the type can change without being set
// again, because it refers to memory that the program holds as well.
func IsMutable(t reflect.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface,
		reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return IsMutable(t.Elem())
	case reflect.Struct:
		if known, ok := mutableStructs.Load(t); ok {
			return known.(bool)
		}
		mutable := false
		for i := range t.NumField() {
			mutable = mutable || IsMutable(t.Field(i).Type)
		}
		mutableStructs.Store(t, mutable)
		return mutable
	default:
		return false
	}
}

// mutableStructs caches the answer for struct types. A time.Time refers to
// its zone, which nobody can change.
var mutableStructs = func() *sync.Map {
	var m sync.Map
	m.Store(reflect.TypeFor[time.Time](), false)
	return &m
}()
