package codec

import (
	"encoding"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// typeInfo is what is known of the encodings of a type's values. It follows the
// rules of the CBOR library.
type typeInfo struct {
	// levels is how many arrays, maps and structs contain each other at most;
	// above maxLevels, it depends on the value.
	levels int
	// dynamic: a value may contain anything, in an interface.
	dynamic bool
	// walk: a value has to be walked before it is encoded, because it may refer
	// to itself or contain something that could not be decoded.
	walk bool
	// methods: methods of a type are part of the encoding, which may therefore
	// differ from call to call.
	methods bool
	// verify: a map has keys that may be encoded alike, or into something that
	// cannot be a key.
	verify bool

	// lost is the reason why no value can be decoded, or empty. It does not
	// concern nil.
	lost string
	// opaque: a struct without a field that is encoded.
	opaque bool
	// dropped are the fields of a struct that are not encoded, because several
	// have the same name.
	dropped []field
	// marshals is the method that encodes a struct, if it may be that of one of
	// the embedded fields in embeds, without the other fields.
	marshals *marshaler
	embeds   []int
	// toArray: a struct is encoded as an array of its fields.
	toArray bool
	// fields are those of a struct that have to be walked; all of them, if
	// marshals is set.
	fields []field
}

// typeInfos caches the info of each type, so that the usual values, which need
// no walk, cost one look-up.
var typeInfos sync.Map

func infoOf(t reflect.Type) *typeInfo {
	if known, ok := typeInfos.Load(t); ok {
		return known.(*typeInfo)
	}
	return newInfo(t, make(map[reflect.Type]bool))
}

// marshaler is a way in which a type may encode itself.
type marshaler struct {
	method    string
	marshal   reflect.Type
	inverse   string
	unmarshal reflect.Type
	call      func(any) ([]byte, error)
}

// marshalers are in the order in which the CBOR library prefers them. It calls
// no methods for JSON or gob.
var marshalers = []*marshaler{
	{"MarshalCBOR", reflect.TypeFor[cbor.Marshaler](), "UnmarshalCBOR", reflect.TypeFor[cbor.Unmarshaler](),
		func(v any) ([]byte, error) { return v.(cbor.Marshaler).MarshalCBOR() }},
	{"MarshalBinary", reflect.TypeFor[encoding.BinaryMarshaler](), "UnmarshalBinary", reflect.TypeFor[encoding.BinaryUnmarshaler](),
		func(v any) ([]byte, error) { return v.(encoding.BinaryMarshaler).MarshalBinary() }},
	{"MarshalText", reflect.TypeFor[encoding.TextMarshaler](), "UnmarshalText", reflect.TypeFor[encoding.TextUnmarshaler](),
		func(v any) ([]byte, error) { return v.(encoding.TextMarshaler).MarshalText() }},
}

// marshalerOf returns how t, which is no pointer, encodes itself, or nil.
func marshalerOf(t reflect.Type) *marshaler {
	for _, m := range marshalers {
		if reflect.PointerTo(t).Implements(m.marshal) {
			return m
		}
	}
	return nil
}

// builtin are the types that the library encodes in its own way.
var builtin = map[reflect.Type]*typeInfo{
	reflect.TypeFor[time.Time]():        {},
	reflect.TypeFor[big.Int]():          {},
	reflect.TypeFor[cbor.ByteString]():  {},
	reflect.TypeFor[cbor.SimpleValue](): {},
	reflect.TypeFor[cbor.RawMessage]():  {levels: maxLevels + 1},
	reflect.TypeFor[cbor.Tag]():         {levels: maxLevels + 1, dynamic: true, walk: true, methods: true}, // its number determines what may follow
}

// locks may be in any struct: they hold no data, even while they are locked.
var locks = map[reflect.Type]bool{
	reflect.TypeFor[sync.Mutex]():     true,
	reflect.TypeFor[sync.RWMutex]():   true,
	reflect.TypeFor[sync.Once]():      true,
	reflect.TypeFor[sync.WaitGroup](): true,
}

// newInfo finds out about t, which is part of the types in within.
func newInfo(t reflect.Type, within map[reflect.Type]bool) *typeInfo {
	if within[t] {
		return &typeInfo{levels: maxLevels + 1, dynamic: true, walk: true, methods: true}
	}
	if known, ok := typeInfos.Load(t); ok {
		return known.(*typeInfo)
	}
	within[t] = true
	defer delete(within, t)
	info := new(typeInfo)
	if known, ok := builtin[t]; ok {
		info = known
	} else if t.Kind() == reflect.Pointer {
		info.contain(newInfo(t.Elem(), within))
	} else if m := marshalerOf(t); m != nil && t.Kind() != reflect.Interface {
		info.useMethods(t, m)
	} else {
		info.build(t, within)
	}
	typeInfos.Store(t, info)
	return info
}

// contain adds what holds for a value inside of one of the type.
func (info *typeInfo) contain(inner *typeInfo) {
	info.levels = max(info.levels, inner.levels)
	info.dynamic = info.dynamic || inner.dynamic
	info.walk = info.walk || inner.walk
	info.methods = info.methods || inner.methods
	info.verify = info.verify || inner.verify
}

func (info *typeInfo) lose(reason string) { info.lost, info.walk = reason, true }

// useMethods is for a type that encodes itself.
func (info *typeInfo) useMethods(t reflect.Type, m *marshaler) {
	info.methods = true
	if m.method == "MarshalCBOR" {
		info.levels = maxLevels + 1
	}
	if !reflect.PointerTo(t).Implements(m.unmarshal) {
		info.lose(t.String() + " has " + m.method + " and no " + m.inverse)
		return
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && (f.Type.Implements(m.marshal) || reflect.PointerTo(f.Type).Implements(m.marshal)) {
			info.embeds = append(info.embeds, i)
		}
	}
	info.fields, _ = collectFields(t)
	if len(info.embeds) > 0 && len(info.fields) > 0 {
		info.marshals, info.walk = m, true
	}
}

// build is for a type whose values the library takes apart.
func (info *typeInfo) build(t reflect.Type, within map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Interface:
		info.levels, info.dynamic, info.walk = maxLevels+1, true, true
		if t.NumMethod() > 0 {
			info.lose("nothing can be decoded into the interface " + t.String())
		}
		return
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		info.lose(t.String() + " cannot be encoded")
		return
	case reflect.Map:
		info.contain(newInfo(t.Key(), within))
		info.contain(newInfo(t.Elem(), within))
		info.verify = info.verify || !plainKey(t.Key())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return // a byte string
		}
		info.contain(newInfo(t.Elem(), within))
	case reflect.Struct:
		info.buildStruct(t, within)
	default:
		return
	}
	info.levels = min(info.levels+1, maxLevels+1)
}

func (info *typeInfo) buildStruct(t reflect.Type, within map[reflect.Type]bool) {
	fields, dropped := collectFields(t)
	if len(fields)+len(dropped) == 0 && hidesFields(t) && !locks[t] {
		info.opaque, info.walk = true, true
	}
	if blank, ok := t.FieldByName("_"); ok {
		info.toArray = strings.Contains(blank.Tag.Get("cbor")+",", ",toarray,")
	}
	if info.dropped = dropped; len(dropped) > 0 {
		info.walk = true
	}
	for _, f := range fields {
		inner := newInfo(f.t, within)
		info.contain(inner)
		if info.walk = info.walk || f.unsettable; inner.walk || f.unsettable {
			info.fields = append(info.fields, f)
		}
	}
}

// hidesFields reports whether a struct has unexported fields, be they in an
// embedded struct, that are not left out on purpose.
func hidesFields(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || tagOf(f) == "-" || locks[f.Type] {
			continue
		}
		if !f.Anonymous || elemOf(f.Type).Kind() != reflect.Struct || hidesFields(elemOf(f.Type)) {
			return true
		}
	}
	return false
}

// plainKey reports whether different keys of type t have different encodings,
// each of which can be a key of a map[any]any.
func plainKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Float32, reflect.Float64:
		return marshalerOf(t) == nil
	default:
		return false
	}
}

func elemOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
