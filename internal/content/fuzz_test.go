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
	Lifetime    time.Duration
	Note        string
}

func readAll(c content.Content) read {
	r := read{Values: c.Items(), Flashes: c.Flashes, IdleTimeout: -1, Lifetime: -1, Note: string(c.Note)}
	if c.Expires != nil {
		r.Expires = *c.Expires
	}
	if c.IdleTimeout != nil {
		r.IdleTimeout = *c.IdleTimeout
	}
	if c.Lifetime != nil {
		r.Lifetime = *c.Lifetime
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
	for _, c.Lifetime = range []*time.Duration{nil, &idle} {
		for _, c.Note = range [][]byte{nil, []byte("note")} {
			data, err := c.Encode()
			if err != nil {
				f.Fatal(err)
			}
			for i := range data {
				f.Add(data[:i+1])
			}
		}
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{2})
	f.Add([]byte{1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Add([]byte{1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0})
	f.Add([]byte{1, 2, 2, 1, 0, 0})
	f.Add([]byte{1, 4, 1, 0, 0})
	f.Add([]byte{3, 0, 0, 0})
	f.Add([]byte{3, 4, 0, 0, 0})
	f.Add([]byte{4, 8, 0, 0, 0})
	f.Add([]byte{4, 8, 1, 'n', 0, 0})
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

// The data of a session without a lifetime of its own stays in format 1, byte for
// byte. A program that knows no other format must not take a lifetime for damage.
func TestALifetimeHasAFormatOfItsOwn(t *testing.T) {
	var c content.Content
	idle, life := time.Second, 2*time.Second
	c.IdleTimeout, c.Expires = &idle, &token.Expiry{Kind: token.WithBrowser}
	c.Set("a", true)
	for _, want := range [][]byte{
		{1, 3, 0xe8, 7, 1, 0, 1, 0, 1, 1, 'a', 0xf5},
		{3, 7, 0xe8, 7, 1, 0, 0xd0, 0xf, 1, 0, 1, 1, 'a', 0xf5},
	} {
		if data, err := c.Encode(); err != nil || !bytes.Equal(data, want) {
			t.Errorf("encoded: %v, %v, want %v", data, err, want)
		}
		if again, err := content.Parse(want, ""); err != nil || !reflect.DeepEqual(readAll(again), readAll(c)) {
			t.Errorf("parsed: %+v, %v, want %+v", readAll(again), err, readAll(c))
		}
		c.Lifetime = &life
	}
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"a lifetime in format 1":   {[]byte{1, 4, 1, 0, 0}, driver.ErrCorrupt},
		"no lifetime in format 3":  {[]byte{3, 0, 0, 0}, driver.ErrCorrupt},
		"an unknown setting":       {[]byte{3, 12, 1, 0, 0}, driver.ErrCorrupt},
		"a lifetime of 300 years":  {[]byte{3, 4, 0x80, 0xa0, 0xfe, 0x9c, 0xac, 0x93, 2, 0, 0}, driver.ErrCorrupt},
		"a lifetime that is short": {[]byte{3, 4, 1, 0, 0}, nil},
		"format 5":                 {[]byte{5, 4, 1, 0, 0}, driver.ErrNewerFormat},
	} {
		if _, err := content.Parse(test.data, ""); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// A note has a format of its own too: a program that does not know it must neither
// lose the note nor take it for damage, but answer with ErrNewerFormat, as it does for
// each format that it does not know.
func TestANoteHasAFormatOfItsOwn(t *testing.T) {
	var c content.Content
	life := 2 * time.Second
	c.Set("a", true)
	c.Note = []byte("no")
	for _, want := range [][]byte{
		{4, 8, 2, 'n', 'o', 1, 0, 1, 1, 'a', 0xf5},
		{4, 12, 0xd0, 0xf, 2, 'n', 'o', 1, 0, 1, 1, 'a', 0xf5},
	} {
		if data, err := c.Encode(); err != nil || !bytes.Equal(data, want) {
			t.Errorf("encoded: %v, %v, want %v", data, err, want)
		}
		if again, err := content.Parse(want, ""); err != nil || !reflect.DeepEqual(readAll(again), readAll(c)) {
			t.Errorf("parsed: %+v, %v, want %+v", readAll(again), err, readAll(c))
		}
		c.Lifetime = &life
	}
	long := append([]byte{4, 8, 0x81, 8}, make([]byte, content.MaxNote+3)...)
	for name, data := range map[string][]byte{
		"a note in format 1":           {1, 8, 1, 'n', 0, 0},
		"a note in format 3":           {3, 12, 1, 1, 'n', 0, 0},
		"no note in format 4":          {4, 0, 0, 0},
		"an empty note":                {4, 8, 0, 0, 0},
		"a note longer than the data":  {4, 8, 9, 'n', 0, 0},
		"a note longer than is stored": long,
	} {
		if _, err := content.Parse(data, ""); !errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// A note belongs to the owner: it stays when the values are cleared, and goes with
// another owner.
func TestANoteBelongsToTheOwner(t *testing.T) {
	c := content.Content{Owner: "ann", Note: []byte("note")}
	for _, test := range []struct {
		name   string
		change content.Change
		want   string
	}{
		{"Clear", content.Clear{}, "note"},
		{"ResetSettings", content.ResetSettings{}, "note"},
		{"the same owner", &content.SetOwner{Owner: "ann"}, "note"},
		{"another owner", &content.SetOwner{Owner: "bob"}, ""},
		{"nobody", &content.SetOwner{}, ""},
	} {
		c := c
		if err := test.change.Apply(&c); err != nil || string(c.Note) != test.want {
			t.Errorf("%s: note %q, %v, want %q", test.name, c.Note, err, test.want)
		}
	}
}

// EditNote applies the function to the note that is there, and may be refused.
func TestEditNote(t *testing.T) {
	refused := errors.New("refused")
	var returns []byte
	var err error
	edit := &content.EditNote{F: func(old []byte) ([]byte, error) { return append(bytes.Clone(old), returns...), err }}
	c := content.Content{Note: []byte("a")}
	returns = []byte("b")
	if err := edit.Apply(&c); err != nil || string(c.Note) != "ab" {
		t.Errorf("note %q, %v", c.Note, err)
	}
	if err = refused; !errors.Is(edit.Apply(&c), refused) || string(c.Note) != "ab" {
		t.Errorf("note %q after a refusal", c.Note)
	}
	err = nil
	other := content.Content{Owner: "bob", Note: []byte("b")}
	if err := edit.Apply(&other); !errors.Is(err, driver.ErrConflict) || string(other.Note) != "b" {
		t.Errorf("another owner's note %q, %v", other.Note, err)
	}
	returns, err = make([]byte, content.MaxNote-1), nil
	if err := edit.Apply(&c); !errors.Is(err, driver.ErrTooLarge) || string(c.Note) != "ab" {
		t.Errorf("a note that is too long: %v", err)
	}
	if err := (&content.EditNote{F: func([]byte) ([]byte, error) { return []byte{}, nil }}).Apply(&c); err != nil || c.Note != nil {
		t.Errorf("an empty note is stored as %#v, %v", c.Note, err)
	}
}
