package codec

import (
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Where nothing tells the type of a map, it is a map[string]any if its keys are
// texts, and else a map[any]any. The CBOR library makes all such maps of one
// type. So a value with other keys is decoded a second time, with all of them
// anyKeys, and each then given the type that it should have.

type anyKeys map[any]any

// place is a pointer, a map or a slice's array that was seen already: a program
// may decode into what refers to itself.
type place struct {
	at uintptr
	t  reflect.Type
}

// naturalAny returns what was decoded into an interface with its maps' types.
func naturalAny(v any, seen map[place]bool) any {
	switch v := v.(type) {
	case anyKeys:
		return v.natural(seen)
	case []any:
		naturalIn(reflect.ValueOf(v), seen)
	case cbor.Tag:
		v.Content = naturalAny(v.Content, seen)
		return v
	}
	return v
}

func (m anyKeys) natural(seen map[place]bool) any {
	texts, all := make(map[string]any, len(m)), make(map[any]any) // m itself would grow by keys that are NaN
	for k, v := range m {
		v = naturalAny(v, seen)
		if name, ok := k.(string); ok {
			texts[name] = v
		}
		all[k] = v
	}
	if len(texts) == len(all) {
		return texts
	}
	return all
}

// naturalIn gives the maps in v, which was decoded into, their types.
func naturalIn(v reflect.Value, seen map[place]bool) {
	s := shapeOf(v.Type())
	if !s.open {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		here := place{v.Pointer(), v.Type()}
		if v.IsNil() || seen[here] {
			return
		}
		seen[here] = true
	}
	switch v.Kind() {
	case reflect.Interface:
		if made := naturalAny(v.Interface(), seen); made != nil && v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(made))
		}
	case reflect.Pointer:
		naturalIn(v.Elem(), seen)
	case reflect.Struct:
		for _, at := range s.fields {
			if field, err := v.FieldByIndexErr(at); err == nil {
				naturalIn(field, seen)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			naturalIn(v.Index(i), seen)
		}
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		for _, key := range v.MapKeys() {
			if got := v.MapIndex(key); got.IsValid() { // a NaN finds nothing
				elem.Set(got)
				naturalIn(elem, seen)
				v.SetMapIndex(key, elem)
			}
		}
	}
}
