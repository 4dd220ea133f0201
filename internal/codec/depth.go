package codec

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// maxNesting is how many arrays, maps and structs of a value may stand in each
// other: what the decoder reads.
const maxNesting = 256

// maxHops is how many pointers and interfaces may lead to the innermost value.
// They are not encoded, so only a value that refers to itself has so many.
const maxHops = 16 * maxNesting

var (
	errTooDeep = fmt.Errorf("over %d levels deep, or it refers to itself", maxNesting)
	errCircle  = errors.New("it refers to itself")
)

// checkNesting looks for a value that the CBOR library would follow until the
// stack overflows, which nothing can recover from.
func checkNesting(v any) error { return nestedAny(v, maxNesting, maxHops) }

// nestedAny is nested without reflection for what is mostly in an interface.
func nestedAny(v any, levels, hops int) error {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64, []byte, time.Time:
		return nil
	case map[string]any:
		return nestedIn(maps.Values(v), v == nil, levels, hops)
	case []any:
		return nestedIn(slices.Values(v), v == nil, levels, hops)
	default:
		return nested(reflect.ValueOf(v), levels, hops)
	}
}

// nestedIn is nested for what is in a map or a slice.
func nestedIn(inner iter.Seq[any], none bool, levels, hops int) error {
	if none {
		return nil
	}
	if levels == 0 {
		return errTooDeep
	}
	for v := range inner {
		if err := nestedAny(v, levels-1, hops); err != nil {
			return err
		}
	}
	return nil
}

// nested tells whether v takes no more than the levels and the hops.
func nested(v reflect.Value, levels, hops int) error {
	s := shapeOf(v.Type())
	if !s.open {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return nil
		}
	}
	switch {
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		return nestedAny(v.Interface(), levels, hops)
	case v.Kind() == reflect.Pointer, v.Kind() == reflect.Interface:
		if hops == 0 {
			return errCircle
		}
		return nested(v.Elem(), levels, hops-1)
	case v.Type() == reflect.TypeFor[cbor.Tag](): // which is not always a level
		if hops == 0 {
			return errCircle
		}
		return nestedAny(v.Interface().(cbor.Tag).Content, levels, hops-1)
	case levels == 0:
		return errTooDeep
	}
	switch levels--; v.Kind() {
	case reflect.Struct:
		for _, at := range s.fields {
			field, err := v.FieldByIndexErr(at)
			if err != nil {
				continue // of an embedded struct that is not there
			}
			if err := nested(field, levels, hops); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := nested(v.Index(i), levels, hops); err != nil {
				return err
			}
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			key.SetIterKey(it)
			elem.SetIterValue(it)
			if err := nested(key, levels, hops); err != nil {
				return err
			}
			if err := nested(elem, levels, hops); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkEncoding counts the levels of an encoding as the decoder will: types that
// marshal themselves to CBOR are known by it alone.
func checkEncoding(raw []byte) error {
	err := decMode.Wellformed(raw)
	if _, deep := errors.AsType[*cbor.MaxNestedLevelError](err); deep {
		return errTooDeep
	}
	return err
}
