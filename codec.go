package sessions

import (
	"reflect"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Values are CBOR (RFC 8949): compact, typed, and in need of no registration.
// The encoding is deterministic, so that equal values are equal bytes and a
// change in place shows. Strings are Go's, so invalid UTF-8 passes.
var (
	encoder = valueEncoder{must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloat16,
		Time:          cbor.TimeRFC3339Nano,
		TimeTag:       cbor.EncTagRequired,
		TextMarshaler: cbor.TextMarshalerTextString,
	}.EncMode())}

	decoder = must(cbor.DecOptions{
		UTF8:            cbor.UTF8DecodeInvalid,
		DefaultMapType:  reflect.TypeFor[map[string]any](),
		IntDec:          cbor.IntDecConvertSignedOrBigInt,
		TimeTagToAny:    cbor.TimeTagToTime,
		TextUnmarshaler: cbor.TextUnmarshalerTextString,
		// The record bounds these, so a program may keep what it could save.
		MaxArrayElements: 1<<31 - 1,
		MaxMapPairs:      1<<31 - 1,
		MaxNestedLevels:  maxNesting, // which the encoder keeps to
	}.DecMode())
)

type valueEncoder struct{ mode cbor.EncMode }

// Marshal encodes v, if the decoder can read the encoding.
func (e valueEncoder) Marshal(v any) ([]byte, error) {
	if v == nil {
		return e.mode.Marshal(nil)
	}
	s := shapeOf(reflect.TypeOf(v))
	if s.open {
		if err := checkNesting(v); err != nil {
			return nil, err
		}
	}
	raw, err := e.mode.Marshal(v)
	if err != nil || s.levels <= maxNesting {
		return raw, err
	}
	if err := checkEncoding(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("sessions: " + err.Error()) // constant options: a mistake in this file
	}
	return v
}

// isMutable tells whether a value of the type could change without being set
// anew, because it refers to memory that the program holds as well.
func isMutable(t reflect.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface,
		reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return isMutable(t.Elem())
	case reflect.Struct:
		if known, ok := mutableStructs.Load(t); ok {
			return known.(bool)
		}
		mutable := false
		for i := range t.NumField() {
			mutable = mutable || isMutable(t.Field(i).Type)
		}
		mutableStructs.Store(t, mutable)
		return mutable
	default:
		return false
	}
}

// mutableStructs remembers the answer for struct types. A time.Time refers to
// its zone, which nobody can change.
var mutableStructs = func() *sync.Map {
	var m sync.Map
	m.Store(reflect.TypeFor[time.Time](), false)
	return &m
}()
