package memcached_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memcached"
)

// newer returns a valid record of a newer format.
func newer() []byte {
	b := []byte("\x02what a later version writes")
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestUnreadableRecordIsNotOverwritten(t *testing.T) {
	server := start(t)
	s := open(t, server.addr(), memcached.Options{})
	client := memcache.New(server.addr())
	defer client.Close()
	for what, c := range map[string]struct {
		value []byte
		want  error
	}{
		"a newer format":     {newer(), driver.ErrNewerFormat},
		"a foreign item":     {[]byte("a:1:{s:4:\"user\";i:7;}"), driver.ErrCorrupt},
		"an empty item":      {nil, driver.ErrCorrupt},
		"a truncated record": {newer()[:8], driver.ErrCorrupt},
	} {
		if err := client.Set(&memcache.Item{Key: ":" + key.String(), Value: c.value}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), key); !errors.Is(err, c.want) {
			t.Errorf("%s: Load: %v", what, err)
		}
		for i, err := range []error{
			s.Save(t.Context(), key, 0, fresh()), s.Save(t.Context(), key, 7, fresh()),
			s.Touch(t.Context(), key, fresh()), s.Delete(t.Context(), key, 7),
		} {
			if !errors.Is(err, driver.ErrConflict) {
				t.Errorf("%s: write %d: %v", what, i, err)
			}
		}
		if item, err := client.Get(":" + key.String()); err != nil || string(item.Value) != string(c.value) {
			t.Errorf("%s was overwritten", what)
		}
		if err := s.Delete(t.Context(), key, 0); err != nil {
			t.Errorf("%s: Delete: %v", what, err)
		}
		if _, err := s.Load(t.Context(), key); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%s: Load after Delete: %v", what, err)
		}
	}
}
