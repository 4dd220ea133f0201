package codec

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// shape is what a type tells of how deep its values are when encoded.
type shape struct {
	// levels is how many arrays, maps and structs stand in each other at most;
	// above maxNesting, the type does not tell.
	levels int
	// open: a value may refer to itself, or to anything.
	open bool
	// fields are those of a struct that are open, by their indexes.
	fields [][]int
}

// shapes remembers the shape of each type, so that the values of the usual ones,
// which are not open, cost one look-up.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	return newShape(t, make(map[reflect.Type]bool))
}

var (
	cborMarshaler   = reflect.TypeFor[cbor.Marshaler]()
	binaryMarshaler = reflect.TypeFor[encoding.BinaryMarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

// newShape finds out the shape of t, in which the types in within are under way.
func newShape(t reflect.Type, within map[reflect.Type]bool) *shape {
	if within[t] {
		return &shape{levels: maxNesting + 1, open: true}
	}
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	within[t] = true
	defer delete(within, t)
	s := new(shape)
	switch ptr := reflect.PointerTo(t); {
	case t.Kind() == reflect.Pointer:
		s.hold(newShape(t.Elem(), within))
	case t.Kind() == reflect.Interface:
		s.levels, s.open = maxNesting+1, true
	case ptr.Implements(cborMarshaler):
		s.levels = maxNesting + 1
	case ptr.Implements(binaryMarshaler), ptr.Implements(textMarshaler):
		// bytes or a text, whatever is in it
	default:
		s.build(t, within)
	}
	shapes.Store(t, s)
	return s
}

// build is newShape for what the CBOR library takes apart.
func (s *shape) build(t reflect.Type, within map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Map:
		s.hold(newShape(t.Key(), within))
		s.hold(newShape(t.Elem(), within))
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return // a byte string
		}
		s.hold(newShape(t.Elem(), within))
	case reflect.Struct:
		s.addFields(t, nil, []reflect.Type{t}, within)
	default:
		return
	}
	s.levels = min(s.levels+1, maxNesting+1)
}

func (s *shape) hold(inner *shape) {
	s.levels, s.open = max(s.levels, inner.levels), s.open || inner.open
}

// addFields adds those fields of t that the CBOR library encodes, under the path
// of the embedded structs that lead to t.
func (s *shape) addFields(t reflect.Type, path []int, embedding []reflect.Type, within map[reflect.Type]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		kept, embedded := encodedField(f)
		if !kept {
			continue
		}
		at := append(slices.Clone(path), i)
		if embedded {
			if inner := pointedTo(f.Type); !slices.Contains(embedding, inner) {
				s.addFields(inner, at, append(slices.Clone(embedding), inner), within)
			}
			continue
		}
		inner := newShape(f.Type, within)
		s.hold(inner)
		if inner.open {
			s.fields = append(s.fields, at)
		}
	}
}

// encodedField tells, by the library's rules, whether a field is encoded, and
// whether its own fields are in its place.
func encodedField(f reflect.StructField) (kept, embedded bool) {
	inner := f.Anonymous && pointedTo(f.Type).Kind() == reflect.Struct
	tag := f.Tag.Get("cbor")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	if tag == "-" || !f.IsExported() && !inner {
		return false, false
	}
	name, _, _ := strings.Cut(tag, ",")
	return true, inner && name == ""
}

func pointedTo(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
