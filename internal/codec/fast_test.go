package codec

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// sameScalar checks that encodeScalar encodes v as the library does, and that
// it comes back.
func sameScalar[T comparable](t *testing.T, v T) {
	t.Helper()
	want, err := encMode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := encodeScalar(v)
	if !ok || !bytes.Equal(got, want) {
		t.Errorf("%v is encoded as %x, %v; the library %x", v, got, ok, want)
	}
	if back, ok := DecodeScalar[T](got); !ok || back != v {
		t.Errorf("%v came back as %v, %v", v, back, ok)
	}
}

func TestScalarsAreEncodedAsTheLibraryDoes(t *testing.T) {
	for _, n := range []int64{0, 1, 23, 24, 255, 256, 65535, 65536, math.MaxInt32, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64} {
		sameScalar(t, n)
		sameScalar(t, -n)
		sameScalar(t, -n-1)
		sameScalar(t, int(n))
		sameScalar(t, int(-n-1))
	}
	for _, size := range []int{0, 1, 23, 24, 255, 256, 65535, 65536} {
		sameScalar(t, strings.Repeat("s", size))
	}
	sameScalar(t, "not UTF-8: \xff\x00")
	sameScalar(t, true)
	sameScalar(t, false)
}

func TestOtherTypesAreLeftToTheLibrary(t *testing.T) {
	type named string
	for _, v := range []any{nil, named("s"), uint(1), int32(1), 1.5, []byte("b"), map[string]any{}, new(int)} {
		if raw, ok := encodeScalar(v); ok {
			t.Errorf("%T was encoded as %x", v, raw)
		}
	}
}

// sameDecoded checks that the library reads what DecodeScalar reads, as the same
// value.
func sameDecoded[T comparable](t *testing.T, raw []byte) {
	t.Helper()
	got, ok := DecodeScalar[T](raw)
	if !ok {
		return
	}
	var want T
	if err := decMode.Unmarshal(raw, &want); err != nil || got != want {
		t.Errorf("%x was read as %v; the library %v, %v", raw, got, want, err)
	}
}

// FuzzScalar looks for bytes that DecodeScalar reads differently from the
// library.
func FuzzScalar(f *testing.F) {
	for _, raw := range []string{"", "\x00", "\x17", "\x18\x18", "\x18\x00", "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x1b\x80\x00\x00\x00\x00\x00\x00\x00",
		"\x20", "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "\x60", "\x61s", "\x61", "\x61ss", "\x78\x01s",
		"\x7f\x61s\xff", "\xf4", "\xf5", "\xf6", "\xf4\xf4", "\x1c", "\xff"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sameDecoded[string](t, raw)
		sameDecoded[int](t, raw)
		sameDecoded[int64](t, raw)
		sameDecoded[bool](t, raw)
		if v, ok := DecodeScalar[any](raw); ok {
			var want any
			if err := decMode.Unmarshal(raw, &want); err != nil || v != want {
				t.Errorf("%x was read as %T %v; the library %T %v, %v", raw, v, v, want, want, err)
			}
		}
	})
}
