package sessions_test

import (
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A map that is read without its type is a map[string]any. If one has keys that
// are not strings, all maps of the value are map[any]any.
func TestMapsOfOtherKeysReadWithoutTheirType(t *testing.T) {
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
		"beside": {[]any{map[int]int{1: 2}, map[string]int{}, lifeAddress{Street: "Elm"}},
			[]any{map[any]any{int64(1): int64(2)}, map[any]any{}, map[any]any{"street": "Elm"}}},
		"tag":  {cbor.Tag{Number: 1000, Content: map[int]int{1: 2}}, cbor.Tag{Number: 1000, Content: map[any]any{int64(1): int64(2)}}},
		"text": {map[string]int{"a": 1}, map[string]any{"a": int64(1)}},
	}
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		for name, v := range values {
			s.Set(name, v.set)
		}
		s.Set("row", row{map[int]any{1: map[string]int{"a": 2}}, "n"})
		s.Set("rows", map[string][]row{"r": {{Cells: map[int]int{1: 2}}}})
		s.Set("NaN", map[float64]int{math.NaN(): 1})
	})
	a.Store.Calls()
	c.OK(func(s *sessions.Session) {
		for name, v := range values {
			testapp.Equal(t, name, s.Get(name), v.get)
			var into any
			testapp.Equal(t, "Decode "+name, s.Decode(name, &into), nil)
			testapp.Equal(t, name+" decoded", into, v.get)
		}
		inside, _ := sessions.Key[map[string]any]("inside").Get(s)
		testapp.Equal(t, "inside, by a key", any(inside), any(map[string]any{"m": map[any]any{int64(1): true}}))
		// The program's own types are kept.
		got, _ := sessions.Key[row]("row").Get(s)
		testapp.Equal(t, "row", got, row{map[any]any{int64(1): map[any]any{"a": int64(2)}}, "n"})
		pointer, _ := sessions.Key[*row]("row").Get(s)
		testapp.Equal(t, "pointer", *pointer, got)
		rows, _ := sessions.Key[map[string][]row]("rows").Get(s)
		testapp.Equal(t, "rows", rows, map[string][]row{"r": {{Cells: map[any]any{int64(1): int64(2)}}}})
		keyed, _ := sessions.Key[map[any]any]("text").Get(s)
		testapp.Equal(t, "text, as its key says", keyed, map[any]any{"a": int64(1)})
		nan, _ := s.Get("NaN").(map[any]any)
		testapp.Equal(t, "NaN", len(nan), 1)
	})
	testapp.Equal(t, "store calls of the reads", a.Store.Calls(), "Load")
}

// Such a map is noticed when it changes in place, as any other.
func TestAMapOfOtherKeysChangesInPlace(t *testing.T) {
	c := testapp.New(t).Client()
	c.OK(func(s *sessions.Session) { s.Set("v", map[string]any{"m": map[int]bool{1: true}}) })
	c.OK(func(s *sessions.Session) { s.Get("v").(map[any]any)["m"].(map[any]any)[int64(2)] = true })
	c.OK(func(s *sessions.Session) {
		got, _ := sessions.Key[map[string]map[int]bool]("v").Get(s)
		testapp.Equal(t, "v", got, map[string]map[int]bool{"m": {1: true, 2: true}})
	})
}

// What does not fit for another reason does not fit, and what the program
// decodes into may refer to itself.
func TestDecodingAgainForAMapsKeys(t *testing.T) {
	type loop struct {
		Next *loop
		List []any
		Map  map[string]any
		M    any
		When time.Time
	}
	c := testapp.New(t).Client()
	c.OK(func(s *sessions.Session) {
		s.Set("v", map[string]any{"M": map[int]bool{1: true}})
		s.Set("bad", map[string]any{"M": map[int]bool{1: true}, "When": "never"})
	})
	c.OK(func(s *sessions.Session) {
		into := &loop{List: make([]any, 1), Map: map[string]any{}}
		into.Next, into.List[0], into.Map["map"] = into, into.List, into.Map
		testapp.Equal(t, "Decode", s.Decode("v", into), nil)
		testapp.Equal(t, "M", into.M, any(map[any]any{int64(1): true}))
		testapp.Error(t, "Decode of what does not fit", s.Decode("bad", into), sessions.ErrInvalidValue)
		_, ok := sessions.Key[loop]("bad").Get(s)
		testapp.Equal(t, "it is found", ok, false)
	})
}
