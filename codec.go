package sessions

import (
	"errors"
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

	decoder = valueDecoder{
		natural: must(decoding(reflect.TypeFor[map[string]any]()).DecMode()),
		anyKeys: must(decoding(reflect.TypeFor[anyKeys]()).DecMode()),
	}
)

// decoding makes maps of the type where the target does not tell.
func decoding(maps reflect.Type) cbor.DecOptions {
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

type valueEncoder struct{ mode cbor.EncMode }

// Marshal encodes v, if the decoder can read the encoding.
func (e valueEncoder) Marshal(v any) ([]byte, error) {
	if v == nil {
		return e.mode.Marshal(nil)
	}
	v = inWholeMinutes(v)
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

type valueDecoder struct{ natural, anyKeys cbor.DecMode }

// Unmarshal decodes raw into what into points to.
func (d valueDecoder) Unmarshal(raw []byte, into any) error {
	err := d.natural.Unmarshal(raw, into)
	if _, unfit := errors.AsType[*cbor.UnmarshalTypeError](err); !unfit || !shapeOf(reflect.TypeOf(into)).open {
		return err
	}
	// It may be but for the keys of a map.
	second := d.anyKeys.Unmarshal(raw, into)
	naturalIn(reflect.ValueOf(into), make(map[place]bool))
	if second != nil {
		return err
	}
	return nil
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
