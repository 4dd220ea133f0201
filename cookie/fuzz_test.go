package cookie_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// crc returns the checksum at the end of an encoded record.
func crc(b []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// FuzzUnseal looks for a forged token that is accepted. The seeds are tokens sealed
// with keys that the store does not have.
func FuzzUnseal(f *testing.F) {
	foreign := open(f, config(name, "", "unknown"))
	for _, size := range []int{0, 1, 2, 520} {
		token := seal(f, foreign, record(size))
		f.Add(token)
		f.Add(token[:len(token)-1])
	}
	f.Add("")
	f.Add("MXw=")
	f.Add(strings.Repeat("A", 5000))
	s := open(f, config(name, "", "secret", "previous"))
	f.Fuzz(func(t *testing.T, token string) {
		if sealed, err := s.Unseal(token); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%q: %+v, %v", token, sealed, err)
		}
	})
}

// FuzzSeal looks for a record that is changed by Seal and Unseal, and for a token
// that is still accepted after a part of it is replaced.
func FuzzSeal(f *testing.F) {
	f.Add([]byte("data"), "owner", uint16(3), "x")
	f.Add([]byte{}, "", uint16(0), "\n")
	f.Add(make([]byte, 2176), "", uint16(9999), "=")
	s := open(f, config(name, "", "secret"))
	f.Fuzz(func(t *testing.T, data []byte, owner string, at uint16, piece string) {
		rec := record(0)
		rec.Data, rec.Owner = data, owner
		token, err := s.Seal(key, rec)
		if err != nil {
			if !errors.Is(err, driver.ErrTooLarge) {
				t.Error(err)
			}
			return
		}
		sealed, err := s.Unseal(token)
		if err != nil || string(sealed.Record.Data) != string(data) || sealed.Record.Owner != owner {
			t.Errorf("got %+v, %v", sealed, err)
		}
		i := int(at) % len(token)
		altered := token[:i] + piece + token[min(i+len(piece), len(token)):]
		if altered != token {
			wantRejected(t, s, "altered", altered)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, rec := open(b, config(name, "", "secret")), record(520)
	b.ReportAllocs()
	for b.Loop() {
		seal(b, s, rec)
	}
}

func BenchmarkUnseal(b *testing.B) {
	s := open(b, config(name, "", "secret"))
	token := seal(b, s, record(520))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Unseal(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReject(b *testing.B) {
	s := open(b, config(name, "", "secret"))
	for what, token := range map[string]string{
		"forged":   seal(b, open(b, config(name, "", "unknown")), record(520)),
		"megabyte": strings.Repeat("A", 1<<20),
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Unseal(token); err != driver.ErrNotFound {
					b.Fatal(err)
				}
			}
		})
	}
}
