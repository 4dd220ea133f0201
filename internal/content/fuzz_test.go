package content_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/token"
)

// read is all that is in a content, to compare.
type read struct {
	Values      []content.Item
	Flashes     []content.Flash
	Expires     token.Expiry
	IdleTimeout time.Duration
}

func readAll(c content.Content) read {
	r := read{Values: c.Items(), Flashes: c.Flashes, IdleTimeout: -1}
	if c.Expires != nil {
		r.Expires = *c.Expires
	}
	if c.IdleTimeout != nil {
		r.IdleTimeout = *c.IdleTimeout
	}
	return r
}

// Parse refuses bytes that Encode cannot have written, and what it reads is
// encoded and read again without a difference.
func FuzzParse(f *testing.F) {
	var c content.Content
	idle := time.Hour
	c.Set("a", []any{1, "two", map[string]any{"three": 3.5}})
	c.Set("", nil)
	c.Set("\xff", time.Unix(0, 0))
	c.Flashes = []content.Flash{{Queue: "flash", ID: 1, Raw: []byte{0x61, 'a'}}, {Queue: "flash", ID: 2, Raw: []byte{0x61, 'b'}}}
	c.IdleTimeout, c.Expires = &idle, &token.Expiry{Kind: token.At, Ms: 1e12}
	data, err := c.Encode()
	if err != nil {
		f.Fatal(err)
	}
	for i := range data {
		f.Add(data[:i+1])
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{2})
	f.Add([]byte{1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Add([]byte{1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0})
	f.Add([]byte{1, 2, 2, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c, err := content.Parse(data, "")
		if err != nil {
			if !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat) {
				t.Errorf("%v is neither ErrCorrupt nor ErrNewerFormat", err)
			}
			return
		}
		got := readAll(c)
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		c2, err := content.Parse(again, "")
		if err != nil {
			t.Fatalf("what was encoded again cannot be read: %v", err)
		}
		if got2 := readAll(c2); !reflect.DeepEqual(got, got2) {
			t.Errorf("read   %+v\nreread %+v", got, got2)
		}
		for _, v := range got.Values {
			if found := c2.Value(v.Name); found == nil || !bytes.Equal(found.Stored(), v.Raw) {
				t.Errorf("value %q cannot be found", v.Name)
			}
		}
		if !bytes.Equal(data, before) {
			t.Error("reading changed the data")
		}
	})
}
