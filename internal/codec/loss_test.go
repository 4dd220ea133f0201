package codec

import (
	"bytes"
	"container/list"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

type (
	money       struct{ amount int }
	moneyPtr    struct{ Price *money }
	moneyFields struct {
		Name  string
		Items []struct{ Prices map[string]money }
	}
	jsonMoney struct{ amount int }
	gobMoney  struct{ amount int }
	textOnly  int
	binOnly   struct{ N int }
	cborOnly  struct{ N int }
	mixedPair struct{ n int } // MarshalBinary, and the inverse of MarshalText
	stamped   struct {
		time.Time
		Note string
	}
	inner     struct{ N int }
	embedsPtr struct {
		*inner
		Name string
	}
	embedsTagged struct {
		*inner `json:"inner"`
		Name   string
	}
	embedsArray struct {
		_ struct{} `cbor:",toarray"`
		*inner
		Name string
	}
	A         struct{ ID, X int }
	B         struct{ ID, Y int }
	ambiguous struct {
		A
		B
	}
	sameTag struct {
		X int `cbor:"x"`
		Y int `cbor:"x"`
	}
	Base  struct{ Key int }
	ViaA  struct{ Base }
	ViaB  struct{ Base }
	twice struct {
		ViaA
		ViaB
	}
	hasError  struct{ Err error }
	hasFunc   struct{ F func() }
	hasChan   struct{ C chan int }
	oneof     struct{ Kind isOneof }
	isOneof   interface{ isOneof() }
	oneofText struct{ Text string }
	Stringers struct{ fmt.Stringer }
	textKey   struct{ n int }
	partKey   struct {
		N int
		m int
	}
	innerText struct{ s string }
	picky     string // does not accept the empty text that it returns
	nilInside struct{ *time.Time }
	noted     struct {
		innerText
		Note string
	}
)

func (oneofText) isOneof()                        {}
func (oneofText) String() string                  { return "" }
func (m jsonMoney) MarshalJSON() ([]byte, error)  { return json.Marshal(m.amount) }
func (m gobMoney) GobEncode() ([]byte, error)     { return []byte{byte(m.amount)}, nil }
func (textOnly) MarshalText() ([]byte, error)     { return []byte("text"), nil }
func (*binOnly) MarshalBinary() ([]byte, error)   { return []byte("binary"), nil }
func (cborOnly) MarshalCBOR() ([]byte, error)     { return []byte{1}, nil }
func (mixedPair) MarshalBinary() ([]byte, error)  { return []byte("binary"), nil }
func (mixedPair) MarshalText() ([]byte, error)    { return []byte("text"), nil }
func (*mixedPair) UnmarshalText([]byte) error     { return nil }
func (textKey) MarshalText() ([]byte, error)      { return []byte("same"), nil }
func (*textKey) UnmarshalText([]byte) error       { return nil }
func (p picky) MarshalText() ([]byte, error)      { return []byte(p), nil }
func (i innerText) MarshalText() ([]byte, error)  { return []byte(i.s), nil }
func (i *innerText) UnmarshalText(b []byte) error { i.s = string(b); return nil }

func (p *picky) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return errors.New("secret")
	}
	*p = picky(b)
	return nil
}

// A value of which something would be gone when it is read is refused, with the
// type and the field.
func TestAValueThatWouldNotComeBackIsRefused(t *testing.T) {
	full := list.New()
	full.PushBack("x")
	var used sync.Map
	used.Store(1, 2)
	var counter atomic.Int64
	counter.Store(5)
	deep := moneyFields{Items: []struct{ Prices map[string]money }{{Prices: map[string]money{"secret": {1}}}}}
	for name, c := range map[string]struct {
		v    any
		want string // in the error
	}{
		"opaque":                       {money{5}, "codec.money: codec.money has only unexported fields"},
		"pointer to opaque":            {&money{5}, "codec.money: codec.money has only"},
		"opaque in a field":            {moneyPtr{&money{1}}, "codec.moneyPtr.Price: codec.money has only"},
		"opaque, deep":                 {&deep, "codec.moneyFields.Items[].Prices[]: codec.money has only"},
		"opaque in any":                {map[string]any{"secret": []any{money{1}}}, "map[string]interface {}[][]: codec.money has only"},
		"opaque array":                 {[2]money{1: {1}}, "codec.money has only"},
		"opaque key":                   {map[money]int{{1}: 1}, "[key]: codec.money"},
		"embedded opaque":              {struct{ money }{money{1}}, "has only unexported fields"},
		"list":                         {full, "list.List has only"},
		"sync.Map":                     {&used, "sync.Map has only"},
		"atomic":                       {&counter, "atomic.Int64 has only"},
		"bytes.Buffer":                 {bytes.NewBufferString("x"), "bytes.Buffer has only"},
		"user and password":            {url.UserPassword("u", "p"), "url.Userinfo has only"},
		"zone":                         {time.FixedZone("x", 3600), "time.Location has only"},
		"reflect":                      {reflect.ValueOf(1), "reflect.Value"},
		"JSON alone":                   {jsonMoney{1}, "codec.jsonMoney has only"},
		"gob alone":                    {gobMoney{1}, "codec.gobMoney has only"},
		"text alone":                   {textOnly(1), "codec.textOnly has MarshalText and no UnmarshalText"},
		"text alone in a map":          {map[string]textOnly{"a": 1}, "[]: codec.textOnly has"},
		"text alone as a key":          {map[textOnly]int{1: 1}, "[key]: codec.textOnly has"},
		"binary alone":                 {struct{ B *binOnly }{&binOnly{1}}, ".B: codec.binOnly has MarshalBinary and no UnmarshalBinary"},
		"CBOR alone":                   {[]cborOnly{{1}}, "[]: codec.cborOnly has MarshalCBOR and no UnmarshalCBOR"},
		"pairs mixed":                  {mixedPair{1}, "codec.mixedPair has MarshalBinary and no UnmarshalBinary"},
		"error":                        {hasError{errors.New("secret")}, "codec.hasError.Err: nothing can be decoded into the interface error"},
		"errors in a slice":            {[]error{nil, errors.New("secret")}, "[]error[]: nothing can be decoded"},
		"stringers in a map":           {map[string]fmt.Stringer{"a": time.Second}, "the interface fmt.Stringer"},
		"interfaces as keys":           {map[fmt.Stringer]int{time.Second: 1}, "[key]: nothing can be decoded into the interface fmt.Stringer"},
		"oneof":                        {&oneof{oneofText{"x"}}, "codec.oneof.Kind: nothing can be decoded into the interface codec.isOneof"},
		"embedded interface":           {Stringers{oneofText{"x"}}, "codec.Stringers.Stringer: nothing can be decoded"},
		"error in any":                 {struct{ V any }{errors.New("secret")}, ".V: errors.errorString has only"},
		"error in a struct in any":     {map[string]any{"a": hasError{errors.New("secret")}}, "[].Err: nothing can be decoded"},
		"tag":                          {cbor.Tag{Number: 1000, Content: money{1}}, "cbor.Tag.Content: codec.money"},
		"embedded pointer":             {embedsPtr{&inner{1}, "x"}, "codec.embedsPtr.inner.N: the field is in an embedded pointer"},
		"embedded pointer with a tag":  {embedsTagged{&inner{1}, "x"}, "codec.embedsTagged.inner"},
		"nil of the same":              {embedsTagged{nil, "x"}, "codec.embedsTagged.inner"},
		"embedded pointer in an array": {embedsArray{Name: "x"}, "codec.embedsArray.inner.N"},
		"swallowed":                    {stamped{time.Now(), "note"}, "codec.stamped.Note: the field is not encoded, because the MarshalBinary of the embedded Time"},
		"swallowed by a text":          {&noted{innerText{"s"}, "note"}, "codec.noted.Note: the field is not encoded"},
		"swallowed in a field":         {struct{ At stamped }{stamped{time.Now(), "note"}}, ".At.Note: the field"},
		"ambiguous":                    {ambiguous{A{1, 2}, B{3, 4}}, "ID: the field is not encoded, because another has the same name"},
		"same tag":                     {sameTag{1, 2}, "codec.sameTag.X: the field is not encoded"},
		"embedded twice":               {twice{ViaA{Base{1}}, ViaB{Base{2}}}, "Base: the field is not encoded"},
		"function":                     {hasFunc{}, "codec.hasFunc.F: func() cannot be encoded"},
		"channel":                      {hasChan{make(chan int)}, "codec.hasChan.C: chan int cannot be encoded"},
		"complex":                      {1i, "complex128 cannot be encoded"},
		"struct as a key in any":       {map[any]int{partKey{N: 1}: 1}, "the keys of a map"},
		"typed map of these, in any":   {map[string]any{"a": map[partKey]int{{N: 1}: 1}}, "the keys of a map"},
		"large key in any":             {[]any{map[uint64]int{1 << 63: 1}}, "the keys of a map"},
		"keys that become equal":       {map[partKey]int{{1, 2}: 1, {1, 3}: 2}, "the keys of a map"},
		"text keys that become equal":  {map[textKey]int{{1}: 1, {2}: 2}, "the keys of a map"},
		"text that is not accepted":    {picky(""), "codec.picky: its encoding cannot be decoded"},
		"the same in a field":          {struct{ P []picky }{[]picky{"a", ""}}, "its encoding cannot be decoded"},
		"a URL that is none":           {url.URL{Host: "secret host"}, "url.URL: its encoding cannot be decoded"},
		"nil embedded pointer":         {struct{ *time.Time }{}, "panics"},
		"nil embedded in a field":      {struct{ In struct{ *time.Time } }{}, "encoding it panics"},
		"embedded pointer's method":    {nilInside{new(time.Time)}, "codec.nilInside: decoding its encoding panics"},
		"tag of another type's":        {cbor.Tag{Number: 0, Content: 5}, "cbor.Tag: its encoding cannot be decoded"},
		"tag in any":                   {[]any{cbor.Tag{Number: 1, Content: "secret"}}, "its encoding cannot be decoded"},
		"any keys that become equal":   {map[any]int{1: 1, int8(1): 2}, "the keys of a map"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Marshal(c.v)
			if !errors.Is(err, ErrInvalidValue) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("the error quotes the value: %v", err)
			}
		})
	}
}

type (
	partial struct {
		Name   string
		secret int
		Skip   chan int `json:"-"`
		sync.Mutex
		Lock *sync.RWMutex
	}
	shadowing struct {
		A
		ID string
	}
	onlySkipped struct {
		X int `json:"-"`
	}
	moneyText struct{ amount int }
	Optional  struct {
		Price *money
		Total money
		Err   error
		Errs  []error
		Of    map[string]fmt.Stringer
		At    stamped
		*inner
	}
	onlyTime struct{ time.Time }
	ownText  struct {
		innerText
		Note string
	}
	node struct {
		Left, Right *node
		N           int
	}
	omits struct {
		C cborOnly `cbor:",omitzero"`
	}
)

func (m moneyText) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", m.amount), nil }
func (m *moneyText) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), &m.amount)
	return err
}
func (o ownText) MarshalText() ([]byte, error) { return []byte(o.s + "|" + o.Note), nil }
func (o *ownText) UnmarshalText(b []byte) error {
	o.s, o.Note, _ = strings.Cut(string(b), "|")
	return nil
}

// What is left out by Go's convention, or is not there, is no reason to refuse a
// value.
func TestAValueThatIsPartialByConventionIsAccepted(t *testing.T) {
	locked := partial{Name: "a", secret: 1, Skip: make(chan int), Lock: new(sync.RWMutex)}
	locked.Mutex.Lock()
	locked.Lock.Lock()
	for name, c := range map[string]struct{ v, want any }{
		"unexported beside exported": {&locked, &partial{Name: "a", Lock: new(sync.RWMutex)}},
		"shadowed":                   {shadowing{A{1, 2}, "id"}, shadowing{A{0, 2}, "id"}},
		"all skipped":                {onlySkipped{1}, onlySkipped{}},
		"no fields":                  {struct{}{}, struct{}{}},
		"set":                        {map[string]struct{}{"a": {}}, map[string]struct{}{"a": {}}},
	} {
		t.Run(name, func(t *testing.T) { comesBack(t, c.v, c.want) })
	}
}

func comesBack(t *testing.T, v, want any) {
	t.Helper()
	raw, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got := reflect.New(reflect.TypeOf(v))
	if err := Unmarshal(raw, got.Interface()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Elem().Interface(), want) {
		t.Errorf("%+v came back as %+v", want, got.Elem())
	}
}

// A type is not refused for what a value of it does not contain.
func TestTheValueDecidesNotTheType(t *testing.T) {
	for name, v := range map[string]any{
		"nothing that is lost": Optional{Errs: []error{nil}, Of: map[string]fmt.Stringer{"a": nil}},
		"zero":                 money{},
		"text pair":            map[moneyText]moneyText{{1}: {2}},
		"embedded alone":       onlyTime{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
		"own method":           []ownText{{innerText{"a"}, "note"}, {innerText{"b"}, ""}},
		"tree":                 &node{Left: &node{N: 1}, N: 2},
		"struct keys":          map[A]int{{1, 2}: 3, {1, 3}: 4},
		"pointers":             []**int{new(*int)}[:0],
		"omitted":              omits{},
		"nil list":             (*list.List)(nil),
		"uint64 keys":          map[uint64]bool{1 << 63: true, 1: false},
	} {
		t.Run(name, func(t *testing.T) { comesBack(t, v, v) })
	}
}

// varying encodes itself by gob, whose order of a map's entries is random.
type varying struct{ m map[string]int }

func (v varying) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v.m)
	return b.Bytes(), err
}
func (v *varying) UnmarshalBinary(b []byte) error {
	return gob.NewDecoder(bytes.NewReader(b)).Decode(&v.m)
}

// A value whose encoding varies is not changed by encoding it again, however
// many orders there are.
func TestAnEncodingThatVariesIsNoChange(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9, 100} {
		v := &varying{map[string]int{}}
		for i := range n {
			v.m[fmt.Sprint(i)] = i
		}
		raw, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			if _, changed, err := Changed(raw, v); changed || err != nil {
				t.Fatalf("%d entries: changed: %v, %v", n, changed, err)
			}
		}
	}
	// Where it does not vary, a change is noticed.
	v := &varying{map[string]int{"a": 1}}
	raw, _ := Marshal(v)
	v.m["a"] = 2
	now, changed, err := Changed(raw, v)
	if want, _ := Marshal(v); !changed || err != nil || !bytes.Equal(now, want) {
		t.Errorf("changed: %v, %v", changed, err)
	}
}
