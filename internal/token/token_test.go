package token_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/token"
)

// Without a secret, any 32 bytes in strict base64 are a token, and nothing else
// is. With a secret, only what was signed is.
func FuzzToken(f *testing.F) {
	secrets := token.NewKeys(bytes.Repeat([]byte("a"), 32), [][]byte{bytes.Repeat([]byte("b"), 32)}, "fuzz", "")
	signing, plain := token.NewCodec(secrets.Derive("token")), token.NewCodec(nil)
	id := token.ID{1, 2, 3, 31: 4}
	signed, unsigned := signing.Encode(id), plain.Encode(id)
	for _, seed := range []string{signed, unsigned, "", "=", signed + "=", signed[:85] + "\n", strings.Repeat("A", 86),
		strings.Repeat("A", 43), strings.Repeat("\n", 43), strings.Repeat("\r", 86), strings.Repeat("_", 42) + "B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, _, ok := plain.Decode(s); ok && plain.Encode(id) != s {
			t.Errorf("%q is another spelling of %q", s, plain.Encode(id))
		}
		id, _, ok := signing.Decode(s)
		if ok && (s != signed || signing.Encode(id) != s) {
			t.Errorf("%q verifies", s)
		}
		if s == signed && !ok {
			t.Error("our own token does not verify")
		}
	})
}

// The last character of a token has bits without a meaning. A token with other
// values of them would be the same bytes, and is rejected.
func TestTokenHasOneSpelling(t *testing.T) {
	secrets := token.NewKeys(bytes.Repeat([]byte("a"), 32), nil, "test", "")
	for name, codec := range map[string]*token.Codec{
		"signed": token.NewCodec(secrets.Derive("token")), "unsigned": token.NewCodec(nil),
	} {
		text := codec.Encode(token.ID{1, 2, 3, 31: 4})
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		spellings := 0
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			other := text[:len(text)-1] + string(c)
			if same, err := base64.RawURLEncoding.DecodeString(other); err != nil || !bytes.Equal(same, raw) || other == text {
				continue
			}
			spellings++
			if id, _, ok := codec.Decode(other); ok {
				t.Errorf("%s: %q is decoded as %x, want it rejected", name, other, id)
			}
		}
		if spellings == 0 {
			t.Errorf("%s: found no other spelling of %q", name, text)
		}
	}
}
