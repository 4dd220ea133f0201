package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type treeNode struct {
	Next *treeNode
	Any  any                  `cbor:",omitempty"`
	List []treeNode           `cbor:",omitempty"`
	Map  map[string]*treeNode `cbor:",omitempty"`
}

type nodeError struct{ Node *treeNode }

func (*nodeError) Error() string { return "" }

// A cyclic value has no finite encoding. Marshal returns an error, where the CBOR
// library would overflow the stack and end the process.
func TestCyclicValueIsRejected(t *testing.T) {
	type embedding struct{ *treeNode }
	type list []list
	type table map[string]table
	node := &treeNode{}
	node.Next = node
	parent := &treeNode{}
	parent.List = []treeNode{{}, {Map: map[string]*treeNode{"parent": parent}}}
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
		"key of a map": keys, "tag": tag, "interface": []error{fmt.Errorf("wrap: %w", nil), &nodeError{node}},
	} {
		if _, err := Marshal(v); !errors.Is(err, ErrInvalidValue) {
			t.Errorf("%s: got error %v, want ErrInvalidValue", name, err)
		}
	}
}

// These types have marshalers or tags that leave out a field, which may be cyclic.
type (
	selfCBOR struct {
		Self *selfCBOR
		raw  []byte
	}
	selfBinary   struct{ Self *selfBinary }
	selfText     struct{ Self *selfText }
	hidingFields struct {
		Name   string
		Parent *hidingFields `json:"-"`
		self   *hidingFields
	}
)

func (o selfCBOR) MarshalCBOR() ([]byte, error) { return o.raw, nil }

func (*selfBinary) MarshalBinary() ([]byte, error) { return []byte("b"), nil }

func (selfText) MarshalText() ([]byte, error) { return []byte("t"), nil }

func (o *selfCBOR) UnmarshalCBOR(raw []byte) error { o.raw = bytes.Clone(raw); return nil }

func (*selfText) UnmarshalText([]byte) error { return nil }

func (b *selfBinary) UnmarshalBinary(_ []byte) error { return nil }

// Fields that are not encoded may be cyclic.
func TestUnencodedFieldsAreIgnored(t *testing.T) {
	own := &selfCBOR{raw: []byte{1}}
	own.Self = own
	binary := &selfBinary{}
	binary.Self = binary
	text := &selfText{}
	text.Self = text
	hides := &hidingFields{Name: "a"}
	hides.Parent, hides.self = hides, hides
	v := map[string]any{"own": own, "binary": []any{binary, *binary}, "text": text, "hides": hides}
	raw, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode[any](raw)
	want := any(map[string]any{"own": int64(1), "binary": []any{[]byte("b"), []byte("b")},
		"text": "t", "hides": map[string]any{"Name": "a"}})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := Marshal(binary); err != nil {
		t.Error(err)
	}
}

// nestedTo returns values of n levels, by kind.
func nestedTo(n int) map[string]any {
	var node *treeNode
	var list, table, tags, hops any
	own := selfCBOR{raw: append(bytes.Repeat([]byte{0x81}, n), 1)}
	half := selfCBOR{raw: append(bytes.Repeat([]byte{0x81}, n/2), 1)}
	for range n {
		node = &treeNode{Next: node}
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

// A value of the deepest level that can be encoded can be decoded.
func TestNestingLimit(t *testing.T) {
	fits, over := nestedTo(maxLevels), nestedTo(maxLevels+1)
	for name := range fits {
		raw, err := Marshal(fits[name])
		if err != nil {
			t.Errorf("%s: Marshal: %v", name, err)
		} else if err := Unmarshal(raw, new(any)); err != nil {
			t.Errorf("%s: encoded, but Unmarshal: %v", name, err)
		}
		if _, err := Marshal(over[name]); !errors.Is(err, ErrInvalidValue) || !strings.Contains(err.Error(), "256") {
			t.Errorf("%s: got error %v, want ErrInvalidValue with the limit, 256", name, err)
		}
	}
}
