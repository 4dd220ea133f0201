// Package codec encodes the values of a session and decodes them. The format is
// CBOR (RFC 8949): compact, typed, and without registration of types.
package codec

import (
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
var (
	encMode = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloat16,
		Time:          cbor.TimeRFC3339Nano,
		TimeTag:       cbor.EncTagRequired,
		TextMarshaler: cbor.TextMarshalerTextString,
	}.EncMode())
	decMode     = must(decOptions(reflect.TypeFor[map[string]any]()).DecMode())
	anyKeysMode = must(decOptions(reflect.TypeFor[anyKeys]()).DecMode())
)

// decOptions returns the options for decoding, with maps as the type of a map
// that is decoded into an interface.
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
		MaxNestedLevels:  maxNesting, // which the encoder keeps to
	}
}

// Marshal returns the encoding of v. The error is an ErrInvalidValue.
func Marshal(v any) ([]byte, error) {
	if raw, ok := encodeScalar(v); ok {
		return raw, nil
	}
	raw, err := marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidValue, err)
	}
	return raw, nil
}

// marshal encodes v, if the decoder can read the encoding.
func marshal(v any) ([]byte, error) {
	if v == nil {
		return encMode.Marshal(nil)
	}
	v = inWholeMinutes(v)
	s := shapeOf(reflect.TypeOf(v))
	if s.open {
		if err := checkNesting(v); err != nil {
			return nil, err
		}
	}
	raw, err := encMode.Marshal(v)
	if err != nil || s.levels <= maxNesting {
		return raw, err
	}
	if err := checkEncoding(raw); err != nil {
		return nil, err
	}
	return raw, nil
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
	if _, mismatch := errors.AsType[*cbor.UnmarshalTypeError](err); !mismatch || !shapeOf(reflect.TypeOf(into)).open {
		return err
	}
	// It may be but for the keys of a map.
	second := anyKeysMode.Unmarshal(raw, into)
	naturalIn(reflect.ValueOf(into), make(map[place]bool))
	if second != nil {
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
