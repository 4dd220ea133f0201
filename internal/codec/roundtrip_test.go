package codec

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

type uuid [16]byte

func (u uuid) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x", u[:]), nil }
func (u *uuid) UnmarshalText(b []byte) error {
	_, err := hex.Decode(u[:], b)
	return err
}
func (u uuid) MarshalBinary() ([]byte, error)  { return u[:], nil }
func (u *uuid) UnmarshalBinary(b []byte) error { copy(u[:], b); return nil }

// Of the types of the standard library that programs keep in sessions, each
// value comes back equal, by itself and inside other values.
func TestStandardTypesComeBack(t *testing.T) {
	when := time.Date(2026, 11, 28, 1, 2, 3, 4, time.UTC)
	day := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	link := must(url.Parse("https://user:pass@example.com/a%2Fb?q=1#f"))
	prefix := netip.MustParsePrefix("fe80::/10")
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	edKey := ed25519.NewKeyFromSeed(make([]byte, 32))
	for _, v := range []any{
		true, 1, int8(-1), uint64(math.MaxUint64), uintptr8(3), float32(1.5), math.Inf(1), "text", "\xff", []byte("b"), [3]byte{1, 2},
		when, &when, day, time.Duration(5), time.March, time.Monday, link, *link, url.Values{"a": {"b", "c"}},
		huge, *big.NewInt(5), big.NewRat(1, 3), *big.NewFloat(1.5).SetPrec(64),
		netip.MustParseAddr("::1%eth0"), netip.MustParseAddrPort("1.2.3.4:5"), prefix, &prefix,
		net.ParseIP("1.2.3.4"), net.IPNet{IP: net.ParseIP("1.2.3.4"), Mask: net.CIDRMask(8, 32)}, net.HardwareAddr{1, 2, 3, 4, 5, 6}, net.TCPAddr{IP: net.ParseIP("::1"), Port: 1},
		uuid{1, 2, 3}, json.RawMessage(`{"a":1}`), json.Number("1.50"), template.HTML("<b>"), slog.LevelWarn, regexp.MustCompile("a+").String(),
		sql.NullString{String: "a", Valid: true}, sql.NullTime{Time: when, Valid: true}, sql.NullInt64{}, sql.Null[uuid]{V: uuid{1}, Valid: true}, sql.RawBytes("raw"),
		mail.Address{Name: "n", Address: "a@b.c"}, http.Header{"A": {"b"}}, textproto.MIMEHeader{"A": {"b"}},
		http.Cookie{Name: "n", Value: "v", Expires: when, SameSite: http.SameSiteLaxMode}, http.StateActive,
		image.Rect(1, 2, 3, 4), color.RGBA{1, 2, 3, 4}, elliptic.CurveParams{Name: "c", P: big.NewInt(7)},
		pem.Block{Type: "T", Headers: map[string]string{"a": "b"}, Bytes: []byte("x")}, pkix.Name{CommonName: "cn"},
		edKey, edKey.Public(), rsa.PublicKey{N: huge.Neg(huge), E: 65537}, x509.SHA256WithRSA,
		cbor.Tag{Number: 1000, Content: "c"}, cbor.RawMessage{0xf5}, cbor.ByteString("b"),
		map[string]int{"a": 1}, map[int]string{1: "a"}, map[bool]int{true: 1}, map[uuid]int{{1}: 1}, map[netip.Addr]int{netip.MustParseAddr("1.2.3.4"): 1},
		map[[2]int]int{{1, 2}: 3}, map[time.Month][]time.Time{1: {when}}, map[string]any{"a": []any{int64(1), "b", nil, true, 1.5, []byte("c"), when}},
		map[any]any{int64(1): "a", "b": true, false: nil}, []map[string]struct{ A *int }{{"a": {nil}}}, [0]int{}, struct{}{}, []string(nil), []string{}, map[string]int(nil),
	} {
		t.Run(fmt.Sprintf("%T", v), func(t *testing.T) {
			comesBack(t, v, v)
			// Inside other values of its type.
			in := reflect.StructOf([]reflect.StructField{{Name: "V", Type: reflect.TypeOf(v)}, {Name: "P", Type: reflect.PointerTo(reflect.TypeOf(v))}, {Name: "S", Type: reflect.SliceOf(reflect.TypeOf(v))}})
			outer := reflect.New(in).Elem()
			outer.Field(0).Set(reflect.ValueOf(v))
			outer.Field(2).Set(reflect.Append(outer.Field(2), reflect.ValueOf(v)))
			comesBack(t, outer.Interface(), outer.Interface())
		})
	}
}

type uintptr8 uint8

// A certificate contains its key in an interface. That of RSA is kept; that of
// ECDSA contains its curve as an interface with methods, and is refused.
func TestCertificates(t *testing.T) {
	cert := x509.Certificate{Raw: []byte("raw"), SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "cn"}, DNSNames: []string{"a.b"}}
	comesBack(t, cert, cert)
	cert.PublicKey = &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey
	if _, err := Marshal(&cert); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("a certificate of an ECDSA key: %v", err)
	}
}

// FuzzRoundTrip checks that what is accepted, whatever its type, can be decoded,
// and that its encoding is stable. It may differ once: a time that is the key of
// a map in an interface comes back as text. The entries of a map with several NaN
// keys, which no order tells apart, may change places.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{0xa1, 0x01, 0x02})
	f.Add([]byte{0xa2, 0x61, 'a', 0x01, 0x82, 0x01, 0x02, 0x80})
	f.Add([]byte{0xa1, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6})
	f.Add([]byte{0xd9, 0x03, 0xe8, 0xa1, 0xf6, 0x81, 0xf7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		fuzzRoundTrip[any](t, raw)
		fuzzRoundTrip[map[any]any](t, raw)
		fuzzRoundTrip[map[A]any](t, raw)
		fuzzRoundTrip[map[uint64]string](t, raw)
		fuzzRoundTrip[Optional](t, raw)
		fuzzRoundTrip[*node](t, raw)
		fuzzRoundTrip[[]time.Time](t, raw)
	})
}

func fuzzRoundTrip[T any](t *testing.T, raw []byte) {
	v, err := Decode[T](raw)
	if err != nil || hasNaNKey(reflect.ValueOf(&v)) {
		return
	}
	first, err := Marshal(v)
	if err != nil {
		return
	}
	again, err := Decode[T](first)
	if err != nil {
		t.Fatalf("%T %x was accepted as %x and cannot be decoded: %v", v, raw, first, err)
	}
	second, err := Marshal(again)
	if err != nil {
		t.Fatalf("%T %x was accepted as %x, and then not: %v", v, raw, first, err)
	}
	if _, isAny := any(&v).(*any); !isAny && string(first) != string(second) {
		t.Fatalf("%T %x was accepted as %x and came back as %x", v, raw, first, second)
	}
	if again, err = Decode[T](second); err != nil {
		t.Fatal(err)
	}
	if third, err := Marshal(again); err != nil || string(third) != string(second) {
		t.Fatalf("%T %x came back as %x and then as %x, %v", v, raw, second, third, err)
	}
}

func hasNaNKey(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && hasNaNKey(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if hasNaNKey(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && hasNaNKey(v.Field(i)) {
				return true
			}
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			if !key.Equal(key) || hasNaNKey(key) || hasNaNKey(value) {
				return true
			}
		}
	}
	return false
}
