package driver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

func TestParseKey(t *testing.T) {
	key := driver.Key{0: 0xab, 31: 0x01}
	s := key.String()
	if s != "ab"+strings.Repeat("0", 60)+"01" {
		t.Errorf("written %q", s)
	}
	if got, err := driver.ParseKey(s); got != key || err != nil {
		t.Errorf("read as %v, %v", got, err)
	}
	for _, bad := range []string{"", "ab", s[1:], s + "0", s + "00", strings.ToUpper(s), "x" + s[1:], " " + s[1:], "é" + s[2:]} {
		if got, err := driver.ParseKey(bad); err == nil || got != (driver.Key{}) {
			t.Errorf("%q was read as %v, %v", bad, got, err)
		}
	}
}

func TestMillisAreUTCAndRoundedDown(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6_999_999, time.FixedZone("east", 3600))
	m := driver.MillisOf(at)
	if got := m.Time(); got != time.Date(2030, 1, 2, 2, 4, 5, 6_000_000, time.UTC) {
		t.Errorf("%v became %v", at, got)
	}
}

func TestRecordExpired(t *testing.T) {
	r := driver.Record{Expires: 1000}
	for at, want := range map[int64]bool{999: false, 1000: true, 1001: true} {
		if got := r.Expired(time.UnixMilli(at)); got != want {
			t.Errorf("at %d: expired %v", at, got)
		}
	}
	if r.Expired(time.UnixMilli(1000).Add(-time.Nanosecond)) {
		t.Error("expired a nanosecond early")
	}
}

// FuzzParseKey checks that ParseKey accepts only what String returns.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"", driver.Key{1, 31: 2}.String(), strings.ToUpper(driver.Key{0xab}.String()), strings.Repeat("g", 64), strings.Repeat("0", 65), "0x" + strings.Repeat("0", 62)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := driver.ParseKey(s); err == nil && k.String() != s || err != nil && k != (driver.Key{}) {
			t.Errorf("%q is %v, %v", s, k, err)
		}
	})
}
