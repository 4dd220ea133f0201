package codec

import (
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

type (
	shapePlain struct {
		Name  string
		When  time.Time
		Items []struct {
			No   int
			Tags map[string][]byte
		}
		Cache *shapeTree `json:"-"`
	}
	shapeTree  struct{ Left, Right *shapeTree }
	shapeInner struct{ Tree *shapeTree }
	shapeOuter struct {
		*shapeInner
		Name string
	}
	ShapeSelf struct {
		*ShapeSelf
		Name string
	}
)

// Only what can be endless is walked over before it is encoded.
func TestWhichTypesAreOpen(t *testing.T) {
	for _, c := range []struct {
		t      reflect.Type
		levels int // maxNesting+1: any number
		open   bool
	}{
		{reflect.TypeFor[int](), 0, false},
		{reflect.TypeFor[*string](), 0, false},
		{reflect.TypeFor[time.Time](), 0, false},
		{reflect.TypeFor[*big.Int](), 0, false},
		{reflect.TypeFor[netip.Addr](), 0, false},
		{reflect.TypeFor[*url.URL](), 0, false},
		{reflect.TypeFor[[]string](), 1, false},
		{reflect.TypeFor[map[string][]int](), 2, false},
		{reflect.TypeFor[shapePlain](), 4, false},
		{reflect.TypeFor[ShapeSelf](), 1, false},
		{reflect.TypeFor[cbor.RawMessage](), maxNesting + 1, false},
		{reflect.TypeFor[any](), maxNesting + 1, true},
		{reflect.TypeFor[map[any]bool](), maxNesting + 1, true},
		{reflect.TypeFor[shapeTree](), maxNesting + 1, true},
		{reflect.TypeFor[*shapeOuter](), maxNesting + 1, true},
	} {
		if s := shapeOf(c.t); s.levels != c.levels || s.open != c.open {
			t.Errorf("%v: %d levels, open: %v; want %d, %v", c.t, s.levels, s.open, c.levels, c.open)
		}
	}
}

// The types of values are nested as far as their encodings are, and no further:
// what such a type tells is held against its encoding's limit.
func TestADeepTypeThatIsNotOpen(t *testing.T) {
	nested := func(n int) any {
		v := reflect.ValueOf(1)
		for range n {
			outer := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
			outer.Index(0).Set(v)
			v = outer
		}
		return v.Interface()
	}
	if raw, err := Marshal(nested(maxNesting)); err != nil || Unmarshal(raw, new(any)) != nil {
		t.Errorf("%d levels: %v", maxNesting, err)
	}
	if _, err := Marshal(nested(maxNesting + 1)); err == nil {
		t.Errorf("%d levels can be encoded", maxNesting+1)
	}
}

// BenchmarkEncode is what a value costs to encode, of types that are not open,
// and of one that is.
func BenchmarkEncode(b *testing.B) {
	type item struct {
		Name string
		No   int
	}
	items := make([]item, 10)
	for _, c := range []struct {
		name string
		v    any
	}{
		{"struct", item{"tea", 3}}, {"slice", items}, {"map", map[string]string{"a": "b", "c": "d"}}, {"time", time.Unix(1e9, 0).UTC()},
		{"any", map[string]any{"name": "tea", "no": 3, "tags": []any{"a", "b"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Marshal(c.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
