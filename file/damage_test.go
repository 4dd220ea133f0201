package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// plant replaces the file of a record.
func plant(t *testing.T, s *store, key driver.Key, b []byte) {
	t.Helper()
	if err := os.WriteFile(pathOf(s, key), b, fileMode); err != nil {
		t.Fatal(err)
	}
}

// encoded returns the bytes of a record.
func encoded(t *testing.T, rec driver.Record) []byte {
	t.Helper()
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDamage(t *testing.T) {
	s, _ := open(t, t.TempDir())
	key, neighbour := driver.Key{1, 1}, driver.Key{1, 2}
	save(t, s, key, 0, until(beginning+1000))
	save(t, s, neighbour, 0, until(beginning+1000))
	// Three writes, so that both slots are used and no cut looks like a creation.
	for v := range driver.Version(2) {
		rec := until(beginning + 1000)
		rec.Version = 2 + v
		save(t, s, key, 1+v, rec)
	}
	const current = 3
	whole, err := os.ReadFile(pathOf(s, key))
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	corrupt := func(what string, i int, b []byte) {
		cases++
		plant(t, s, key, b)
		if _, err := s.Load(t.Context(), key); !errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("%s %d: Load returned %v", what, i, err)
		}
		if err := s.Save(t.Context(), key, current, until(beginning+1000)); !errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("%s %d: Save returned %v", what, i, err)
		}
	}
	for n := 16; n < len(whole); n++ { // fewer bytes are the beginning of a creation
		corrupt("cut at", n, whole[:n])
	}
	used := slotHead + len(encoded(t, until(beginning+1000)))
	for bit := range 8 * used { // the same bit in both slots
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		b[minSlot+bit/8] ^= 1 << (bit % 8)
		corrupt("bit", bit, b)
	}
	for n := 1; n < 100; n++ {
		corrupt("trailing", n, append(bytes.Clone(whole), bytes.Repeat([]byte{byte(n)}, n)...))
	}
	t.Logf("%d kinds of damage", cases)
	if err := os.Truncate(pathOf(s, key), 1<<40); err != nil { // takes no space
		t.Fatal(err)
	}
	_, err = s.Load(t.Context(), key)
	wantErr(t, "a file of a terabyte", err, driver.ErrCorrupt)

	if rec, err := s.Load(t.Context(), neighbour); err != nil || rec.Version != 1 {
		t.Errorf("Load of another session: %v", err)
	}
	var bad, good int
	for e, err := range s.All(t.Context()) {
		switch {
		case e.Key == key && errors.Is(err, driver.ErrCorrupt):
			bad++
		case err == nil:
			good++
		}
	}
	if bad != 1 || good != 1 {
		t.Errorf("All yielded %d damaged and %d intact sessions", bad, good)
	}
	save(t, s, key, 0, until(beginning+1000)) // a damaged record is not a live one
	if _, err := s.Load(t.Context(), key); err != nil {
		t.Error(err)
	}
}

// newer returns a record of a newer format.
func newer(t *testing.T) []byte {
	t.Helper()
	b, err := driver.AppendRecord(nil, until(beginning+1000))
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)-4]
	b[0]++
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestNewerFormatIsLeftAlone(t *testing.T) {
	s, c := open(t, t.TempDir())
	key := driver.Key{1}
	save(t, s, key, 0, until(beginning+1000))
	plant(t, s, key, newer(t))
	_, err := s.Load(t.Context(), key)
	wantErr(t, "Load", err, driver.ErrNewerFormat)
	wantErr(t, "Save", s.Save(t.Context(), key, 1, until(beginning+1000)), driver.ErrNewerFormat)
	wantErr(t, "Save with old 0", s.Save(t.Context(), key, 0, until(beginning+1000)), driver.ErrNewerFormat)
	wantErr(t, "Touch", s.Touch(t.Context(), key, until(beginning+1000)), driver.ErrNewerFormat)
	wantErr(t, "Delete at a version", s.Delete(t.Context(), key, 1), driver.ErrNewerFormat)
	c.set(beginning + 5000)
	sweep(t, s, 0)
	if b, err := os.ReadFile(pathOf(s, key)); err != nil || !bytes.Equal(b, newer(t)) {
		t.Errorf("the file was changed: %v", err)
	}
	wantErr(t, "Delete", s.Delete(t.Context(), key, 0), nil)
}

func TestDamagedRecordIsRemovedWhenItIsDue(t *testing.T) {
	s, c := open(t, t.TempDir())
	save(t, s, driver.Key{1}, 0, until(beginning+1000))
	save(t, s, driver.Key{2}, 0, until(beginning+1000))
	plant(t, s, driver.Key{1}, []byte("damage"))
	sweep(t, s, 0)
	if _, err := os.Stat(pathOf(s, driver.Key{1})); err != nil {
		t.Errorf("removed before its expiry: %v", err)
	}
	c.set(beginning + 1000)
	sweep(t, s, 2)
	if left := files(t, s.records.dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

func TestRemovedFileIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	key := driver.Key{1}
	save(t, s, key, 0, until(beginning+1000))
	if err := os.Remove(pathOf(s, key)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context(), key)
	wantErr(t, "Load", err, driver.ErrNotFound)
	wantErr(t, "Save", s.Save(t.Context(), key, 1, until(beginning+1000)), driver.ErrConflict)

	// The whole directory may be removed while the store is open.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(t.Context(), key)
	wantErr(t, "Load", err, driver.ErrNotFound)
	save(t, s, key, 0, until(beginning+1000))
	if owned(t, s, "user:42") != 1 {
		t.Error("the owner index was not created again")
	}
	sweep(t, s, 0)
}
