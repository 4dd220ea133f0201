package gorillasessions

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"
	"time"
)

type fuzzed struct {
	Name string
	When time.Time
	Next *fuzzed
	Any  any
}

func init() { gob.Register(fuzzed{}); gob.Register(map[string]any{}); gob.Register([]any{}) }

// FuzzDecode feeds stored bytes to decode. They make no panic, and what is decoded
// can be stored and read again.
func FuzzDecode(f *testing.F) {
	for _, value := range []any{nil, 1, "text", []byte{1}, []any{1, "a"}, map[string]any{"k": 1}, fuzzed{"a", time.Unix(1, 2), &fuzzed{Name: "b"}, 3}} {
		for _, key := range []any{"text", 7} {
			data, err := encode(key, value)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, key == "text")
		}
	}
	f.Add([]byte{0}, true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, isText bool) {
		key, value, err := decode(data, isText)
		if err != nil {
			return
		}
		if isText {
			key = "text"
		} else if _, err := nameOf("app", key); err != nil {
			return // no key of ours
		}
		again, err := encode(key, value)
		if err != nil {
			return // such as a nil pointer in a list
		}
		_, got, err := decode(again, isText)
		if err != nil {
			t.Fatalf("%#v encoded as %x: %v", value, again, err)
		}
		if third, err := encode(key, got); err != nil || len(third) != len(again) && !reflect.DeepEqual(got, value) {
			t.Fatalf("%#v became %#v: %v", value, got, err)
		}
	})
}

// FuzzName looks for two keys that share a name, and for names that another session
// takes for its own.
func FuzzName(f *testing.F) {
	f.Add("a", "ab", "b:c", int64(1))
	f.Add("a", "a", "int64(1)", int64(1))
	f.Fuzz(func(t *testing.T, one, two, text string, n int64) {
		if checkName(one) != nil || checkName(two) != nil {
			return
		}
		seen := make(map[string]any)
		for _, key := range []any{text, n, int(n), uint64(n), n > 0, quoted(text)} {
			name, err := nameOf(one, key)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := seen[name]; ok {
				t.Errorf("%#v and %#v have the name %q", key, other, name)
			}
			seen[name] = key
			got, isText, ok := belongs(name, one)
			_, wantText := key.(string)
			if !ok || isText != wantText || isText && got != text {
				t.Errorf("%q belongs to %q: %q, %v, %v", name, one, got, isText, ok)
			}
			if _, _, ok := belongs(name, two); ok != (one == two) {
				t.Errorf("%q of %q belongs to %q: %v", name, one, two, ok)
			}
		}
	})
}

type quoted string

// The same value is the same in another process, whose gob has other numbers for
// the types and another order of maps.
func TestSameValue(t *testing.T) {
	value := map[string]any{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
	first, err := encode("k", value)
	if err != nil {
		t.Fatal(err)
	}
	var other []byte
	for other = first; bytes.Equal(first, other); {
		if other, err = encode("k", value); err != nil {
			t.Fatal(err)
		}
	}
	changes, now, err := compare("app", map[any]any{"k": value}, entries{"k": {"gorilla:app:k", other}})
	if err != nil || len(changes) > 0 || !bytes.Equal(now["k"].data, other) {
		t.Errorf("%v, %v", changes, err)
	}
}
