package sessions_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// nestNode is a level that may hold others.
type nestNode struct {
	Next *nestNode
	Any  any                  `cbor:",omitempty"`
	List []nestNode           `cbor:",omitempty"`
	Map  map[string]*nestNode `cbor:",omitempty"`
}

// A value that refers to itself has no end to encode. The session says so, where
// the CBOR library would take the process down with it.
func TestAValueThatRefersToItselfIsRefused(t *testing.T) {
	type embedding struct{ *nestNode }
	type list []list
	type table map[string]table
	node := &nestNode{}
	node.Next = node
	parent := &nestNode{}
	parent.List = []nestNode{{}, {Map: map[string]*nestNode{"parent": parent}}}
	var pointer any
	pointer = &pointer
	anys := []any{1, nil}
	anys[1] = anys
	texts := map[string]any{}
	texts["texts"] = map[int]any{1: texts}
	lists := make(list, 1)
	lists[0] = lists
	tables := table{}
	tables["t"] = tables
	keys := map[any]bool{}
	keys[[1]any{&keys}] = true
	tag := &cbor.Tag{Number: 1000}
	tag.Content = tag
	for name, v := range map[string]any{
		"pointer to itself": node, "parent": parent, "in a struct": *node, "embedded": embedding{node},
		"only pointers": pointer, "slice of any": anys, "map of any": texts, "slice": lists, "map": tables,
		"key of a map": keys, "tag": tag, "interface": []error{fmt.Errorf("wrap: %w", nil), &nestError{node}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testapp.New(t).Client()
			c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
				s.Set("v", v)
				testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
			})
			c.Fails(http.StatusInternalServerError, func(s *sessions.Session) { sessions.Flash[any]("v").Add(s, v) })
		})
	}
}

type nestError struct{ Node *nestNode }

func (*nestError) Error() string { return "" }

// A circle may be closed when the value is in the session already.
func TestACircleMadeInPlaceIsRefused(t *testing.T) {
	const key sessions.Key[*nestNode] = "v"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { key.Set(s, &nestNode{}) })
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		v, _ := key.Get(s)
		v.Next = v
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
	})
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		key.Update(s, func(v *nestNode) *nestNode { v.Next = v; return v })
	})
	c.OK(func(s *sessions.Session) {
		v, ok := key.Get(s)
		testapp.Equal(t, "after what failed", *v, nestNode{})
		testapp.Equal(t, "found", ok, true)
	})
}

// nestSelf marshals itself, as CBOR, bytes or text, and its fields are its own.
type (
	nestOwn struct {
		Self *nestOwn
		raw  []byte
	}
	nestBinary struct{ Self *nestBinary }
	nestText   struct{ Self *nestText }
	nestHides  struct {
		Name   string
		Parent *nestHides `json:"-"`
		self   *nestHides
	}
)

func (o nestOwn) MarshalCBOR() ([]byte, error)       { return o.raw, nil }
func (*nestBinary) MarshalBinary() ([]byte, error)   { return []byte("b"), nil }
func (nestText) MarshalText() ([]byte, error)        { return []byte("t"), nil }
func (o *nestOwn) UnmarshalCBOR(raw []byte) error    { o.raw = bytes.Clone(raw); return nil }
func (*nestText) UnmarshalText([]byte) error         { return nil }
func (b *nestBinary) UnmarshalBinary(_ []byte) error { return nil }

// What is not encoded may refer to whatever it likes.
func TestOnlyWhatIsEncodedIsLookedAt(t *testing.T) {
	own := &nestOwn{raw: []byte{1}}
	own.Self = own
	binary := &nestBinary{}
	binary.Self = binary
	text := &nestText{}
	text.Self = text
	hides := &nestHides{Name: "a"}
	hides.Parent, hides.self = hides, hides
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.Set("v", map[string]any{"own": own, "binary": []any{binary, *binary}, "text": text, "hides": hides})
		s.Set("binary", binary)
	})
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "read", s.Get("v"), any(map[string]any{"own": int64(1), "binary": []any{[]byte("b"), []byte("b")},
			"text": "t", "hides": map[string]any{"Name": "a"}}))
	})
}

// nestedTo makes a value of n levels, of several kinds.
func nestedTo(n int) map[string]any {
	var node *nestNode
	var list, table, tags, hops any
	own := nestOwn{raw: append(bytes.Repeat([]byte{0x81}, n), 1)}
	half := nestOwn{raw: append(bytes.Repeat([]byte{0x81}, n/2), 1)}
	for range n {
		node = &nestNode{Next: node}
		list = []any{list}
		table = map[string]any{"t": table}
		inner := any([]any{hops})
		pointer := &inner
		hops = &pointer
		tags = cbor.Tag{Number: 1000, Content: tags}
	}
	tags = []any{tags}
	rest := any(half)
	for range n - n/2 {
		rest = []any{rest}
	}
	return map[string]any{"struct": node, "list": list, "map": table, "own": own, "rest": rest, "tags": tags, "hops": hops}
}

// What can be saved can be read, down to the last level there is.
func TestTheDeepestValueThatCanBeSavedCanBeRead(t *testing.T) {
	const most = 256
	fits, over := nestedTo(most), nestedTo(most+1)
	for name := range fits {
		t.Run(name, func(t *testing.T) {
			c := testapp.New(t).Client()
			c.OK(func(s *sessions.Session) { s.Set("v", fits[name]) })
			c.OK(func(s *sessions.Session) {
				if err := s.Decode("v", new(any)); err != nil {
					t.Errorf("saved, and cannot be read: %v", err)
				}
			})
			c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
				s.Set("v", over[name])
				err := s.Save(t.Context())
				testapp.Error(t, "Save", err, sessions.ErrInvalidValue)
				if err != nil && !strings.Contains(err.Error(), "256") {
					t.Errorf("the error does not tell the limit: %v", err)
				}
			})
		})
	}
}
