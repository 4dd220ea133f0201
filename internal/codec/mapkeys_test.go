package codec

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A map that is read without its type is a map[string]any. If one has keys that
// are not strings, all maps of the value are map[any]any.
func TestMapsWithOtherKeys(t *testing.T) {
	type row struct {
		Cells any
		Note  string
	}
	values := map[string]struct{ set, get any }{
		"ints":    {map[int]bool{1: true, -2: false}, map[any]any{int64(1): true, int64(-2): false}},
		"mixed":   {map[any]any{"a": 1, 2: "b", nil: 3}, map[any]any{"a": int64(1), int64(2): "b", nil: int64(3)}},
		"bytes":   {map[[2]byte]int{{1, 2}: 3}, map[any]any{cbor.ByteString("\x01\x02"): int64(3)}},
		"bools":   {map[bool]float64{true: 0.5}, map[any]any{true: 0.5}},
		"inside":  {map[string]any{"m": map[int]bool{1: true}}, map[any]any{"m": map[any]any{int64(1): true}}},
		"outside": {map[int]any{1: map[string]int{"a": 1}}, map[any]any{int64(1): map[any]any{"a": int64(1)}}},
		"beside": {[]any{map[int]int{1: 2}, map[string]int{}, struct{ Street string }{"Elm"}},
			[]any{map[any]any{int64(1): int64(2)}, map[any]any{}, map[any]any{"Street": "Elm"}}},
		"tag":  {cbor.Tag{Number: 1000, Content: map[int]int{1: 2}}, cbor.Tag{Number: 1000, Content: map[any]any{int64(1): int64(2)}}},
		"text": {map[string]int{"a": 1}, map[string]any{"a": int64(1)}},
	}
	for name, v := range values {
		raw := encoded(t, v.set)
		got, err := Decode[any](raw)
		if err != nil || !reflect.DeepEqual(got, v.get) {
			t.Errorf("%s: Decode: got %v, %v, want %v", name, got, err, v.get)
		}
		var into any
		if err := Unmarshal(raw, &into); err != nil || !reflect.DeepEqual(into, v.get) {
			t.Errorf("%s: Unmarshal: got %v, %v, want %v", name, into, err, v.get)
		}
	}
	wantDecoded(t, "inside, as a map[string]any", encoded(t, values["inside"].set), map[string]any{"m": map[any]any{int64(1): true}})
	wantDecoded(t, "text, as a map[any]any", encoded(t, values["text"].set), map[any]any{"a": int64(1)})
	// The program's own types are kept.
	one := encoded(t, row{map[int]any{1: map[string]int{"a": 2}}, "n"})
	want := row{map[any]any{int64(1): map[any]any{"a": int64(2)}}, "n"}
	wantDecoded(t, "row", one, want)
	wantDecoded(t, "pointer", one, &want)
	wantDecoded(t, "rows", encoded(t, map[string][]row{"r": {{Cells: map[int]int{1: 2}}}}),
		map[string][]row{"r": {{Cells: map[any]any{int64(1): int64(2)}}}})
	nan, err := Decode[any](encoded(t, map[float64]int{math.NaN(): 1}))
	if m, _ := nan.(map[any]any); err != nil || len(m) != 1 {
		t.Errorf("NaN: got %v, %v, want a map with one key", nan, err)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func wantDecoded[T any](t *testing.T, what string, raw []byte, want T) {
	t.Helper()
	got, err := Decode[T](raw)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
	}
}

// Decoding a second time, for a map's keys, also works into a cyclic value. A value
// that does not fit for another reason is still an error.
func TestDecodeMapKeysIntoCyclicValue(t *testing.T) {
	type loop struct {
		Next *loop
		List []any
		Map  map[string]any
		M    any
		When time.Time
	}
	raw := encoded(t, map[string]any{"M": map[int]bool{1: true}})
	bad := encoded(t, map[string]any{"M": map[int]bool{1: true}, "When": "never"})
	into := &loop{List: make([]any, 1), Map: map[string]any{}}
	into.Next, into.List[0], into.Map["map"] = into, into.List, into.Map
	if err := Unmarshal(raw, into); err != nil {
		t.Error(err)
	}
	if want := any(map[any]any{int64(1): true}); !reflect.DeepEqual(into.M, want) {
		t.Errorf("got M %v, want %v", into.M, want)
	}
	if err := Unmarshal(bad, into); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("Unmarshal of a text into a time: got error %v, want ErrInvalidValue", err)
	}
	if _, err := Decode[loop](bad); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("Decode of a text into a time: got error %v, want ErrInvalidValue", err)
	}
}
