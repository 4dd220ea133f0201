package content

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/codec"
)

// storedOf returns values of the names in the given order, without contents.
func storedOf(names ...string) stored {
	p := stored{n: uint32(len(names))}
	for _, name := range names {
		p.data = append(p.data, byte(len(name)), 0)
	}
	p.at.names = uint32(len(p.data))
	for _, name := range names {
		p.data = append(p.data, name...)
	}
	p.at.raws = uint32(len(p.data))
	return p
}

// Names in order are told by their first eight bytes where those differ, and
// that is the order of bytes in all cases, of zeros and of prefixes too.
func TestNamesInOrder(t *testing.T) {
	names := []string{
		"", "\x00", "\x00\x00", "\x00a", "a", "a\x00", "a\x00\x00\x00\x00\x00\x00\x00", "a\x00\x00\x00\x00\x00\x00\x00\x00",
		"ab", "abcdefg", "abcdefg\x00", "abcdefgh", "abcdefgh\x00", "abcdefgha", "abcdefghb", "abcdefgi", "b", "\x7f", "\x80", "\xff",
		"\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	}
	for _, a := range names {
		for _, b := range names {
			for _, rest := range []string{"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
				list := []string{a, b}
				want := bytes.Compare([]byte(a), []byte(b)) < 0
				if rest != "" {
					list = append(list, rest)
				}
				if got := storedOf(list...).sorted(); got != want {
					t.Errorf("%q in order: %v", list, got)
				}
			}
		}
	}
}

func TestFindAmongPacked(t *testing.T) {
	var c Content
	for i := range 50 {
		c.Set(fmt.Sprintf("name %0*d", i, i), i)
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		raw, ok := again.stored.find(fmt.Sprintf("name %0*d", i, i))
		if n, err := codec.Decode[int](raw); !ok || err != nil || n != i {
			t.Errorf("%d: %v, %v, %v", i, n, ok, err)
		}
	}
	if _, ok := again.stored.find("name"); ok {
		t.Error("there is what nobody set")
	}
}

// What was touched takes the place of what is stored, wherever it belongs.
func TestTouchedAmongPacked(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		old, want := Content{}, map[string]string{}
		name := func() string { return strings.Repeat("n", rnd.IntN(3)) + strconv.Itoa(rnd.IntN(12)) }
		for range rnd.IntN(12) {
			n := name()
			want[n] = string(old.Set(n, n).val.(string))
		}
		data, err := old.Encode()
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(data, "")
		if err != nil {
			t.Fatal(err)
		}
		for range rnd.IntN(8) {
			switch n := name(); rnd.IntN(3) {
			case 0:
				c.Set(n, "new "+n)
				want[n] = "new " + n
			case 1:
				c.Delete(n)
				delete(want, n)
			default:
				if v := c.Value(n); (v != nil) != (want[n] != "") {
					t.Fatalf("%q: found %v, want %q", n, v, want[n])
				}
			}
		}
		if c.Empty() != (len(want) == 0) {
			t.Fatalf("empty: %v, of %d", c.Empty(), len(want))
		}
		if data, err = c.Encode(); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(data, "")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, it := range again.stored.items(nil) {
			got[it.Name], _ = codec.Decode[string](it.Raw)
		}
		if !maps.Equal(got, want) || !slices.Equal(c.Names(), slices.Sorted(maps.Keys(want))) {
			t.Fatalf("%v, named %v, want %v", got, c.Names(), want)
		}
	}
}
