package sessions_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A zone's offset may include seconds, as Amsterdam's did until 1937. The decoded
// time is the same, and so is its offset if it is in whole minutes.
func TestTimeInAnyZone(t *testing.T) {
	const (
		value   sessions.Key[time.Time]   = "value"
		pointer sessions.Key[*time.Time]  = "pointer"
		queue   sessions.Flash[time.Time] = "queue"
		missing sessions.Key[*time.Time]  = "nil"
	)
	for name, offset := range map[string]int{"seconds": 19*60 + 32, "seconds west": -(4*3600 + 56*60 + 2), "minutes": 19 * 60, "UTC": 0} {
		t.Run(name, func(t *testing.T) {
			when := time.Date(1930, 5, 6, 7, 8, 9, 10, time.FixedZone("local", offset))
			want := offset
			if offset%60 != 0 {
				want = 0
			}
			same := func(what string, got time.Time) {
				t.Helper()
				if _, offset := got.Zone(); !got.Equal(when) || offset != want {
					t.Errorf("%s: %v was read back as %v", what, when, got)
				}
			}
			a := testapp.New(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) {
				value.Set(s, when)
				pointer.Set(s, &when)
				queue.Add(s, when)
				missing.Set(s, nil)
			})
			before := a.Store.Record(t).Record.Version
			c.OK(func(s *sessions.Session) {
				got, _ := value.Get(s)
				same("value", got)
				at, _ := pointer.Get(s)
				same("pointer", *at)
				same("flash", queue.Peek(s)[0])
				at, ok := missing.Get(s)
				testapp.Equal(t, "nil", at, nil)
				testapp.Equal(t, "nil is there", ok, true)
			})
			testapp.Equal(t, "version after the reads", a.Store.Record(t).Record.Version, before)
		})
	}
}

// An interface with methods can be encoded but not decoded, so it is rejected when
// it is set.
func TestInterfaceKeyIsRejected(t *testing.T) {
	const key sessions.Key[fmt.Stringer] = "v"
	for name, set := range map[string]func(s *sessions.Session){
		"Set":       func(s *sessions.Session) { key.Set(s, time.Second) },
		"Set(nil)":  func(s *sessions.Session) { key.Set(s, nil) },
		"Update":    func(s *sessions.Session) { key.Update(s, func(fmt.Stringer) fmt.Stringer { return time.Second }) },
		"Flash.Add": func(s *sessions.Session) { sessions.Flash[error]("v").Add(s, errors.New("e")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := testapp.New(t).Client()
			c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
				set(s)
				testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
				testapp.Equal(t, "changed", s.Has("v"), false)
			})
		})
	}
	// An interface without methods may hold a value of any type.
	c := testapp.New(t).Client()
	c.OK(func(s *sessions.Session) { sessions.Key[any]("v").Set(s, time.Second) })
}

// Decode returns the error that Get logs.
func TestKeyDecodeError(t *testing.T) {
	const number sessions.Key[int] = "v"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		_, err := number.Decode(s)
		testapp.Error(t, "no value", err, sessions.ErrNoValue)
		s.Set("v", "text")
	})
	before := a.Log.String()
	c.OK(func(s *sessions.Session) {
		got, err := number.Decode(s)
		testapp.Error(t, "another type", err, sessions.ErrInvalidValue)
		testapp.Equal(t, "value", got, 0)
		text, err := sessions.Key[string]("v").Decode(s)
		testapp.Error(t, "its type", err, nil)
		testapp.Equal(t, "value", text, "text")
		number.Set(s, 5)
		got, err = number.Decode(s)
		testapp.Error(t, "once it is set", err, nil)
		testapp.Equal(t, "value", got, 5)
	})
	if strings.Contains(strings.TrimPrefix(a.Log.String(), before), "does not fit") {
		t.Errorf("got log:\n%s", a.Log)
	}
	// If the session cannot be loaded, Decode returns the load error, not ErrNoValue.
	a.Store.Down()
	c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		_, err := number.Decode(s)
		testapp.Error(t, "Key.Decode", err, s.Err())
		testapp.Error(t, "Session.Decode", s.Decode("v", new(int)), s.Err())
	})
}

type personValue struct {
	Name    string
	Home    *streetAddress
	Tags    []string
	Friends map[string]*personValue
	Since   time.Time
}

type textColor byte // marshals itself to text

func (c textColor) MarshalText() ([]byte, error) { return []byte{'#', '0' + byte(c)}, nil }

func (c *textColor) UnmarshalText(b []byte) error {
	if len(b) != 2 || b[0] != '#' {
		return errors.New("no color")
	}
	*c = textColor(b[1] - '0')
	return nil
}

type binaryUUID [16]byte // marshals itself to binary, as many UUID types do

func (u binaryUUID) MarshalBinary() ([]byte, error) { return u[:], nil }

func (u *binaryUUID) UnmarshalBinary(b []byte) error {
	if copy(u[:], b) != len(u) {
		return errors.New("no UUID")
	}
	return nil
}

// checkRoundTrip checks a value of a type with all methods of Key.
func checkRoundTrip[T any](t *testing.T, name string, v T) {
	t.Run(name, func(t *testing.T) {
		a := testapp.New(t)
		key := sessions.Key[T]("value")
		same := func(what string, got T, ok bool) {
			t.Helper()
			if !ok || !sameValue(got, v) {
				t.Errorf("%s: got %#v, %v, want %#v", what, got, ok, v)
			}
		}
		c := a.Client()
		c.OK(func(s *sessions.Session) {
			key.Set(s, v)
			got, ok := key.Get(s)
			same("Get after Set", got, ok)
		})
		c.OK(func(s *sessions.Session) {
			got, ok := key.Get(s)
			same("Get in the next request", got, ok)
			testapp.Equal(t, "Has", key.Has(s), true)
		})
		a.Store.Calls()
		c.OK(func(s *sessions.Session) { key.Get(s) })
		testapp.Equal(t, "store calls of a read", a.Store.Calls(), "Load")
		c.OK(func(s *sessions.Session) {
			same("Update's result", key.Update(s, func(got T) T {
				same("what Update sees", got, true)
				return got
			}), true)
		})
		c.OK(func(s *sessions.Session) {
			into := new(T)
			err := s.Decode("value", into)
			same("Decode", *into, err == nil)
			got, ok := key.Pop(s)
			same("Pop", got, ok)
			testapp.Equal(t, "Has after Pop", key.Has(s), false)
		})
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Has in the request after Pop", key.Has(s), false)
			key.Set(s, v)
			s.Save(t.Context())
			key.Delete(s)
		})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Has after Delete", key.Has(s), false) })
	})
}

func sameValue(a, b any) bool {
	at, ok := a.(time.Time)
	if !ok {
		return reflect.DeepEqual(a, b)
	}
	bt := b.(time.Time)
	_, ao := at.Zone()
	_, bo := bt.Zone()
	return at.Equal(bt) && ao == bo
}

func TestKeyTypes(t *testing.T) {
	zone := time.FixedZone("", -(9*3600 + 1800))
	checkRoundTrip(t, "bool", true)
	checkRoundTrip(t, "int", -42)
	checkRoundTrip(t, "int8", int8(math.MinInt8))
	checkRoundTrip(t, "int64", int64(math.MinInt64))
	checkRoundTrip(t, "uint64", uint64(math.MaxUint64))
	checkRoundTrip(t, "float32", float32(0.1))
	checkRoundTrip(t, "float64", 0.1)
	checkRoundTrip(t, "infinity", math.Inf(-1))
	checkRoundTrip(t, "smallest float", math.SmallestNonzeroFloat64)
	checkRoundTrip(t, "string", "Grüße, 世界")
	checkRoundTrip(t, "empty string", "")
	checkRoundTrip(t, "invalid UTF-8", "a\xff\x00b")
	checkRoundTrip(t, "bytes", []byte{0, 0xff, '"'})
	checkRoundTrip(t, "empty bytes", []byte{})
	checkRoundTrip(t, "named type", http.SameSiteStrictMode)
	checkRoundTrip(t, "duration", 90*time.Minute)
	checkRoundTrip(t, "time in UTC", time.Date(2031, 2, 3, 4, 5, 6, 789, time.UTC))
	checkRoundTrip(t, "time in a zone", time.Date(2031, 2, 3, 4, 5, 6, 789, zone))
	checkRoundTrip(t, "zero time", time.Time{})
	checkRoundTrip(t, "slice", []int{3, 1, 2})
	checkRoundTrip(t, "array", [3]string{"a", "", "c"})
	checkRoundTrip(t, "map", map[string]int{"b": 2, "a": 1})
	checkRoundTrip(t, "map by int", map[int][]string{-1: {"x"}, 7: nil})
	checkRoundTrip(t, "map by invalid UTF-8", map[string]bool{"\xfe": true})
	checkRoundTrip(t, "nil map", map[string]int(nil))
	checkRoundTrip(t, "nil pointer", (*streetAddress)(nil))
	checkRoundTrip(t, "pointer", &streetAddress{Street: "Elm", No: 3})
	checkRoundTrip(t, "struct", streetAddress{Street: "Elm", No: 3})
	checkRoundTrip(t, "empty struct", struct{}{})
	checkRoundTrip(t, "nested", personValue{
		Name: "ann", Home: &streetAddress{Street: "Elm"}, Tags: []string{"a"},
		Friends: map[string]*personValue{"bob": {Name: "bob"}, "nobody": nil},
	})
	checkRoundTrip(t, "text marshaler", textColor(7))
	checkRoundTrip(t, "text marshalers", []textColor{1, 2})
	checkRoundTrip(t, "binary marshaler", binaryUUID{1, 2, 15: 16})
	checkRoundTrip(t, "address", netip.MustParseAddr("2001:db8::1%eth0"))
	checkRoundTrip(t, "prefix in a struct", struct{ Net netip.Prefix }{netip.MustParsePrefix("10.0.0.0/8")})
	checkRoundTrip(t, "any", any("text"))
}

func TestUnexportedFieldsAreDropped(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	const key sessions.Key[streetAddress] = "address"
	c.OK(func(s *sessions.Session) { key.Set(s, streetAddress{Street: "Elm", hidden: 1}) })
	c.OK(func(s *sessions.Session) {
		got, _ := key.Get(s)
		testapp.Equal(t, "address", got, streetAddress{Street: "Elm"})
	})
}

func TestUntypedGet(t *testing.T) {
	when := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	a := testapp.New(t)
	c := a.Client()
	values := map[string]struct{ set, get any }{
		"bool":   {true, true},
		"int":    {-7, int64(-7)},
		"uint8":  {uint8(7), int64(7)},
		"float":  {float32(0.5), 0.5},
		"string": {"text", "text"},
		"bytes":  {[]byte("raw"), []byte("raw")},
		"time":   {when, when},
		"slice":  {[]int{1, 2}, []any{int64(1), int64(2)}},
		"map":    {map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		"struct": {streetAddress{Street: "Elm", No: 3}, map[string]any{"street": "Elm", "n": int64(3)}},
		"nil":    {nil, nil},
	}
	c.OK(func(s *sessions.Session) {
		for name, v := range values {
			s.Set(name, v.set)
			testapp.Equal(t, name+" before the commit", s.Get(name), v.set)
		}
	})
	a.Store.Calls()
	c.OK(func(s *sessions.Session) {
		for name, v := range values {
			testapp.Equal(t, name, s.Get(name), v.get)
			testapp.Equal(t, "Has "+name, s.Has(name), true)
		}
	})
	testapp.Equal(t, "store calls of the reads", a.Store.Calls(), "Load")
}

func TestDecodeError(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	c.OK(func(s *sessions.Session) {
		var name string
		var n int
		testapp.Equal(t, "Decode", s.Decode("user", &name), nil)
		testapp.Equal(t, "user", name, "ann")
		testapp.Error(t, "Decode of a text into an int", s.Decode("user", &n), sessions.ErrInvalidValue)
		testapp.Error(t, "Decode of nothing", s.Decode("missing", &n), sessions.ErrNoValue)
		testapp.Error(t, "Decode into no pointer", s.Decode("user", name), sessions.ErrInvalidValue)
		testapp.User.Set(s, "bob")
		testapp.Equal(t, "Decode after Set", s.Decode("user", &name), nil)
		testapp.Equal(t, "user after Set", name, "bob")
	})
}

// A map whose keys are not strings is a map[any]any. In-place changes to it are saved.
func TestMapWithOtherKeysChangesInPlace(t *testing.T) {
	c := testapp.New(t).Client()
	c.OK(func(s *sessions.Session) { s.Set("v", map[string]any{"m": map[int]bool{1: true}}) })
	c.OK(func(s *sessions.Session) { s.Get("v").(map[any]any)["m"].(map[any]any)[int64(2)] = true })
	c.OK(func(s *sessions.Session) {
		got, _ := sessions.Key[map[string]map[int]bool]("v").Get(s)
		testapp.Equal(t, "v", got, map[string]map[int]bool{"m": {1: true, 2: true}})
	})
}

type treeNode struct{ Next *treeNode }

// A value may become cyclic after it was set.
func TestCycleMadeInPlaceIsRejected(t *testing.T) {
	const key sessions.Key[*treeNode] = "v"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { key.Set(s, &treeNode{}) })
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		v, _ := key.Get(s)
		v.Next = v
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
	})
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		key.Update(s, func(v *treeNode) *treeNode { v.Next = v; return v })
	})
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		v := &treeNode{}
		v.Next = v
		sessions.Flash[*treeNode]("flash").Add(s, v)
	})
	c.OK(func(s *sessions.Session) {
		v, ok := key.Get(s)
		testapp.Equal(t, "after what failed", *v, treeNode{})
		testapp.Equal(t, "found", ok, true)
	})
}
