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

// Only values that can be endless, or contain something that is lost, are walked
// over before they are encoded.
func TestWhichTypesAreWalked(t *testing.T) {
	for _, c := range []struct {
		t      reflect.Type
		levels int // maxLevels+1: any number
		walk   bool
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
		{reflect.TypeFor[cbor.RawMessage](), maxLevels + 1, false},
		{reflect.TypeFor[any](), maxLevels + 1, true},
		{reflect.TypeFor[map[any]bool](), maxLevels + 1, true},
		{reflect.TypeFor[shapeTree](), maxLevels + 1, true},
		{reflect.TypeFor[*shapeOuter](), maxLevels + 1, true},
	} {
		if info := infoOf(c.t); info.levels != c.levels || info.walk != c.walk {
			t.Errorf("%v: %d levels, walk: %v; want %d, %v", c.t, info.levels, info.walk, c.levels, c.walk)
		}
	}
}

// A type that needs no walk may still have more levels than the decoder reads.
func TestADeepTypeThatIsNotWalked(t *testing.T) {
	nested := func(n int) any {
		v := reflect.ValueOf(1)
		for range n {
			outer := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
			outer.Index(0).Set(v)
			v = outer
		}
		return v.Interface()
	}
	if raw, err := Marshal(nested(maxLevels)); err != nil || Unmarshal(raw, new(any)) != nil {
		t.Errorf("%d levels: %v", maxLevels, err)
	}
	if _, err := Marshal(nested(maxLevels + 1)); err == nil {
		t.Errorf("%d levels can be encoded", maxLevels+1)
	}
}

// BenchmarkEncode measures the encoding of types that need no walk, and of one
// that does.
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
