package cookie_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/securecookie"

	"github.com/pump-go/sessions/driver"
)

// decoded returns the token as it is, and with one and two layers of base64 decoded.
func decoded(token string) [][]byte {
	outer, _ := base64.URLEncoding.DecodeString(token)
	forms := [][]byte{[]byte(token), outer}
	if parts := bytes.SplitN(outer, []byte("|"), 3); len(parts) == 3 {
		inner, _ := base64.URLEncoding.DecodeString(string(parts[1]))
		forms = append(forms, inner)
	}
	return forms
}

func TestEveryAlteredBitIsRejected(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	for size := range 3 { // so that base64 ends with each length of padding
		token := seal(t, s, record(size))
		for i := range token {
			for bit := range 8 {
				altered := []byte(token)
				altered[i] ^= 1 << bit
				wantRejected(t, s, "one bit changed", string(altered))
			}
		}
		raw, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			for bit := range 8 {
				altered := bytes.Clone(raw)
				altered[i] ^= 1 << bit
				wantRejected(t, s, "one bit of the decoded token changed", base64.URLEncoding.EncodeToString(altered))
			}
		}
	}
}

func TestOtherEncodingsOfATokenAreRejected(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	padded := 0
	for size := range 6 {
		token := seal(t, s, record(size))
		for i := range len(token) + 1 {
			wantRejected(t, s, "without its end", token[:max(i-1, 0)])
			wantRejected(t, s, "without its beginning", token[min(i+1, len(token)):])
			for _, extra := range []string{"\n", "\r\n", "=", " ", "A", "%", "+", "\x00"} {
				wantRejected(t, s, "with "+extra, token[:i]+extra+token[i:])
			}
		}
		wantRejected(t, s, "twice", token+token)
		if !strings.HasSuffix(token, "=") {
			continue
		}
		padded++
		wantRejected(t, s, "without its padding", strings.TrimRight(token, "="))
		end := strings.Index(token, "=") - 1
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if byte(c) != token[end] {
				wantRejected(t, s, "another last character", token[:end]+string(c)+token[end+1:])
			}
		}
	}
	if padded == 0 {
		t.Error("no token had padding, so the padding was not tested")
	}
}

func TestGarbageIsRejected(t *testing.T) {
	s := open(t, config(name, "", "secret", "previous"))
	for _, token := range []string{
		"", "=", "|", "||", "AAAA", "\x00", "é", strings.Repeat("A", 4084), strings.Repeat("A", 1<<20),
		base64.URLEncoding.EncodeToString([]byte("1||")),
		base64.URLEncoding.EncodeToString([]byte("1|AAAA|" + strings.Repeat("m", 32))),
	} {
		wantRejected(t, s, "garbage", token)
	}
}

func TestOverlongTokenIsRejectedWithoutDecoding(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	token := strings.Repeat("A", 1<<20)
	if n := testing.AllocsPerRun(10, func() { s.Unseal(token) }); n != 0 {
		t.Errorf("%v allocations to reject a megabyte", n)
	}
}

// sealRaw seals any payload with the store's keys.
func sealRaw(t *testing.T, payload []byte) string {
	keys := config(name, "", "secret").Keys
	token, err := securecookie.New(keys("cookie hash")[0], keys("cookie block")[0]).
		SetSerializer(securecookie.NopEncoder{}).Encode(name, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRecordOfANewerFormat(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	later := driver.Key{1}
	payload := append(later[:], 2) // a newer format's first byte
	payload = append(payload, "unknown content"...)
	payload = append(payload, crc(payload[32:])...)
	if _, err := s.Unseal(sealRaw(t, payload)); !errors.Is(err, driver.ErrNewerFormat) {
		t.Errorf("newer format: got error %v", err)
	}
	payload[40] ^= 1
	if _, err := s.Unseal(sealRaw(t, payload)); !errors.Is(err, driver.ErrCorrupt) {
		t.Errorf("sealed with a wrong checksum: %v", err)
	}
	if _, err := s.Unseal(sealRaw(t, []byte("short"))); !errors.Is(err, driver.ErrCorrupt) {
		t.Errorf("shorter than a key: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, config(name, "", "secret", "previous"))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				rec := record(10*w + i)
				token, err := s.Seal(key, rec)
				if err != nil {
					t.Error(err)
				}
				if got, err := s.Unseal(token); err != nil || !bytes.Equal(got.Record.Data, rec.Data) {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
