package dbsc

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// started returns a Binding as sessions.New starts it.
func started(t testing.TB, now *time.Time) *Binding {
	t.Helper()
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Start(sessions.GuardConfig{
		Keys:   func(purpose string) [][]byte { return [][]byte{[]byte(purpose + " 1"), []byte(purpose + " 2")} },
		Cookie: sessions.Cookie{Name: "s", Path: "/", Secure: true},
		Now:    func() time.Time { return *now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var aKey = publicKey{es256, append([]byte{4}, bytes.Repeat([]byte{7}, 64)...)}

// Whatever is not a proof is refused, within bounds, and none verifies by chance.
func FuzzProof(f *testing.F) {
	f.Add(`eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJjIn0.AAAA`)
	f.Add(`"eyJhbGciOiJSUzI1NiIsInR5cCI6ImRic2Mrand0IiwiandrIjp7Imt0eSI6IlJTQSIsImUiOiJBUUFCIiwibiI6Il8ifX0.e30.AA";x=1`)
	f.Add("..")
	f.Add(strings.Repeat(".", 9000))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProof(text)
		if err != nil {
			return
		}
		if p.alg != es256 && p.alg != rs256 || len(p.signature) == 0 || len(p.signed) > maxProof {
			t.Errorf("%q is a proof: %+v", text, p)
		}
		if p.verify(aKey) {
			t.Errorf("%q is a proof with a key that is not on the curve", text)
		}
		if key, err := parseKey(p.alg, p.jwk); err == nil {
			p.verify(key)
		}
	})
}

// A JSON Web Key is refused, or becomes a key that is stored and read without a
// difference.
func FuzzKey(f *testing.F) {
	f.Add(byte(es256), `{"kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}`)
	f.Add(byte(rs256), `{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("_", 342)+`"}`)
	f.Add(byte(0), `{"kty":1}`)
	f.Fuzz(func(t *testing.T, alg byte, jwk string) {
		key, err := parseKey(alg, []byte(jwk))
		if err != nil {
			return
		}
		bound := binding{since: 1, key: key}
		note := bound.note()
		if len(note) > 1024 {
			t.Errorf("a note of %d bytes", len(note))
		}
		again, err := parseNote(note)
		if err != nil || !again.key.equal(key) {
			t.Errorf("the key is read as %+v, %v", again, err)
		}
		if (&proof{alg: alg, signature: make([]byte, 64)}).verify(key) {
			t.Error("a signature of zeros is good")
		}
	})
}

// Strings of structured fields: no value makes more of a field than is there.
func FuzzField(f *testing.F) {
	for _, s := range []string{`abc`, `"abc"`, `"abc";id="x"`, `abc;x`, `"`, `""`, ` "a" `, `"a" "b"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if text := unquote(field); !strings.Contains(field, text) || strings.ContainsAny(text, `"`) && strings.HasPrefix(strings.Trim(field, " \t"), `"`) {
			t.Errorf("%q is read as %q", field, text)
		}
	})
}

// Only the cookie that was made is good, wherever it is in the header.
func FuzzBoundCookie(f *testing.F) {
	now := time.UnixMilli(1e12)
	b := started(f, &now)
	bound := binding{confirmed: 1, key: aKey}
	// Without a nonce, so that the fuzzer's processes make the same one.
	head := binary.BigEndian.AppendUint64(nil, 1e12+1)
	head = append(head, make([]byte, 8)...)
	sum := b.cookies.sum(0, bound.message(nil, head))
	value := encoding.EncodeToString(append(head, sum[:]...))
	if b.checkValue(value, &bound) != good {
		f.Fatal("the cookie that was made is not good")
	}
	f.Add("s-bound=" + value)
	f.Add("a=b; s-bound=; s-bound=" + value + ";;")
	f.Add("s-bound=" + value[1:])
	f.Fuzz(func(t *testing.T, line string) {
		got := b.check(&http.Request{Header: http.Header{"Cookie": {line}}}, &bound)
		if got == good && !strings.Contains(line, "s-bound="+value) {
			t.Errorf("%q is good", line)
		}
	})
}

// Only the challenge that was made is good, for its kind and tag.
func FuzzChallenge(f *testing.F) {
	now := time.UnixMilli(1e12)
	b := started(f, &now)
	head := binary.BigEndian.AppendUint64([]byte{refresh}, 1e12)
	head = append(head, make([]byte, 8)...)
	sum := b.challenges.sum(0, append(head[:challengeHead:challengeHead], "tag"...))
	made := encoding.EncodeToString(append(head, sum[:]...))
	if raw, ok := b.fresh(refresh, made); !ok || !b.genuine(raw, []byte("tag")) {
		f.Fatal("the challenge that was made is not good")
	}
	f.Add(made)
	f.Add(made[:60])
	f.Add("r" + made[1:])
	f.Fuzz(func(t *testing.T, text string) {
		raw, ok := b.fresh(refresh, text)
		if ok && b.genuine(raw, []byte("tag")) && text != made {
			t.Errorf("%q is good", text)
		}
		if ok && b.genuine(raw, []byte("another")) {
			t.Errorf("%q is good for another tag", text)
		}
	})
}

// A note is read as it was written, or is an error that ends no session.
func FuzzNote(f *testing.F) {
	bound := binding{since: 1, confirmed: 2, key: aKey}
	f.Add(bound.note())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, note []byte) {
		bound, err := parseNote(note)
		if err == nil && !bytes.Equal(bound.note(), note) {
			t.Errorf("%x is read as %x", note, bound.note())
		}
	})
}
