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

// readings returns the token as it is, and what an onlooker gets by undoing
// its two layers of base64.
func readings(token string) [][]byte {
	outer, _ := base64.URLEncoding.DecodeString(token)
	forms := [][]byte{[]byte(token), outer}
	if parts := bytes.SplitN(outer, []byte("|"), 3); len(parts) == 3 {
		inner, _ := base64.URLEncoding.DecodeString(string(parts[1]))
		forms = append(forms, inner)
	}
	return forms
}

func TestEveryAlteredByteIsRefused(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	for size := range 3 { // the three ways for base64 to end
		token := seal(t, s, record(size))
		for i := range token {
			for bit := range 8 {
				altered := []byte(token)
				altered[i] ^= 1 << bit
				refused(t, s, "one bit changed", string(altered))
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
				refused(t, s, "one bit below the encoding changed", base64.URLEncoding.EncodeToString(altered))
			}
		}
	}
}

func TestOtherSpellingsOfATokenAreRefused(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	padded := 0
	for size := range 6 {
		token := seal(t, s, record(size))
		for i := range len(token) + 1 {
			refused(t, s, "cut", token[:max(i-1, 0)])
			refused(t, s, "cut in front", token[min(i+1, len(token)):])
			for _, extra := range []string{"\n", "\r\n", "=", " ", "A", "%", "+", "\x00"} {
				refused(t, s, "with "+extra, token[:i]+extra+token[i:])
			}
		}
		refused(t, s, "twice", token+token)
		if !strings.HasSuffix(token, "=") {
			continue
		}
		padded++
		refused(t, s, "without its padding", strings.TrimRight(token, "="))
		end := strings.Index(token, "=") - 1
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if byte(c) != token[end] {
				refused(t, s, "another last character", token[:end]+string(c)+token[end+1:])
			}
		}
	}
	if padded == 0 {
		t.Error("no token had padding: the test lost its point")
	}
}

func TestGarbageIsRefused(t *testing.T) {
	s := open(t, config(name, "", "secret", "previous"))
	for _, token := range []string{
		"", "=", "|", "||", "AAAA", "\x00", "é", strings.Repeat("A", 4084), strings.Repeat("A", 1<<20),
		base64.URLEncoding.EncodeToString([]byte("1||")),
		base64.URLEncoding.EncodeToString([]byte("1|AAAA|" + strings.Repeat("m", 32))),
	} {
		refused(t, s, "garbage", token)
	}
}

func TestOverlongIsRefusedBeforeAnyWork(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	token := strings.Repeat("A", 1<<20)
	if n := testing.AllocsPerRun(10, func() { s.Unseal(token) }); n != 0 {
		t.Errorf("%v allocations to refuse a megabyte", n)
	}
}

// sealRaw seals any payload, as only a holder of the keys can.
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
	payload := append(later[:], 2)                  // a format to come, of which only the frame is known:
	payload = append(payload, "whatever…"...)       // its first byte,
	payload = append(payload, crc(payload[32:])...) // and its checksum
	if _, err := s.Unseal(sealRaw(t, payload)); !errors.Is(err, driver.ErrFormat) {
		t.Errorf("newer format: %v", err)
	}
	payload[40] ^= 1
	if _, err := s.Unseal(sealRaw(t, payload)); !errors.Is(err, driver.ErrCorrupt) {
		t.Errorf("damaged before it was sealed: %v", err)
	}
	if _, err := s.Unseal(sealRaw(t, []byte("short"))); !errors.Is(err, driver.ErrCorrupt) {
		t.Errorf("no room for a key: %v", err)
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
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
