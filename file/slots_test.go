package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// patterned returns a record with that version whose data is the version, repeated.
func patterned(v driver.Version, size int) driver.Record {
	rec := until(1 << 60)
	rec.Version = v
	rec.Data = binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(v))
	for len(rec.Data) < size {
		rec.Data = append(rec.Data, rec.Data[:min(len(rec.Data), size-len(rec.Data))]...)
	}
	return rec
}

// checkPattern returns an error unless the record is one that patterned returns.
func checkPattern(rec driver.Record) error {
	if want := patterned(rec.Version, len(rec.Data)); !bytes.Equal(rec.Data, want.Data) || rec.Owner != want.Owner {
		return fmt.Errorf("the record with version %d, of %d bytes, is not as it was written", rec.Version, len(rec.Data))
	}
	return nil
}

func wantVersion(t *testing.T, s *store, key driver.Key, want driver.Version, what string, args ...any) {
	t.Helper()
	rec, err := s.Load(t.Context(), key)
	if err == nil {
		err = checkPattern(rec)
	}
	if err != nil || rec.Version != want {
		t.Fatalf("%s: version %d, %v; want %d", fmt.Sprintf(what, args...), rec.Version, err, want)
	}
}

// tornOffsets are the offsets at which a write of so many bytes is cut: all, or of
// a large one the first, the last, those at pages, and others at random.
func tornOffsets(n int) (at []int) {
	edge, step := n, 1 // of what is cut at each byte, and of the rest
	switch {
	case n >= 1<<20:
		edge, step = 30, 1<<20
	case n >= 5000:
		edge, step = 100, 4096
	}
	for i := range n {
		if i < edge || i >= n-edge || i%step == 0 {
			at = append(at, i)
		}
	}
	return at
}

// A write that is cut short at any byte, or leaves other bytes from there on, leaves the
// record that was there, and the session can be written to.
func TestTornWrites(t *testing.T) {
	for _, size := range []int{100, 1 << 10, 64 << 10, maxData} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			if size == maxData && testing.Short() {
				t.Skip("takes long")
			}
			s, _ := open(t, quickDir(t))
			key := driver.Key{1}
			for v := range driver.Version(3) {
				save(t, s, key, v, patterned(v+1, size))
			}
			before, err := os.ReadFile(pathOf(s, key)) // the second slot is the older one
			if err != nil {
				t.Fatal(err)
			}
			save(t, s, key, 3, patterned(4, size))
			after, err := os.ReadFile(pathOf(s, key))
			if err != nil {
				t.Fatal(err)
			}
			half := len(before) / 2
			if !bytes.Equal(before[:half], after[:half]) {
				t.Fatal("the write changed the current slot")
			}
			used := slotHead + len(encoded(t, patterned(4, size)))
			f, err := os.OpenFile(pathOf(s, key), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			put := func(b []byte, at int) {
				t.Helper()
				if _, err := f.WriteAt(b, int64(at)); err != nil {
					t.Fatal(err)
				}
			}
			other := make([]byte, 100)
			offsets := tornOffsets(used)
			for i, n := range offsets {
				put(before[half:], half)
				put(after[half:half+n], half)
				// What one byte changed need not be torn: the one before it was the same.
				if !bytes.Equal(after[half+n:half+used], before[half+n:half+used]) {
					wantVersion(t, s, key, 3, "cut after %d bytes", n)
				}
				for j := range other {
					other[j] = byte(rand.Uint32())
				}
				other[0] = after[half+n] + 1
				put(other[:min(len(other), used-n)], half+n)
				wantVersion(t, s, key, 3, "other bytes after %d", n)
				if i%97 == 0 {
					save(t, s, key, 3, patterned(5, size))
					wantVersion(t, s, key, 5, "a write after one that was cut after %d bytes", n)
					put(before, 0)
				}
			}
			put(after, 0)
			wantVersion(t, s, key, 4, "not cut")
			t.Logf("%d offsets of %d", len(offsets), used)
		})
	}
}

// A creation that is cut short at any byte leaves no session, and the sweep removes
// the file. The key can be used.
func TestTornCreation(t *testing.T) {
	s, c := open(t, quickDir(t))
	key := driver.Key{1}
	rec := patterned(1, 200)
	rec.Expires = beginning + 1000
	save(t, s, key, 0, rec)
	whole, err := os.ReadFile(pathOf(s, key))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		plant(t, s, key, whole[:n])
		_, err := s.Load(t.Context(), key)
		if err != driver.ErrNotFound {
			t.Fatalf("Load of a file of %d bytes: %v", n, err)
		}
		wantErr(t, "Save", s.Save(t.Context(), key, 1, rec), driver.ErrConflict)
		wantErr(t, "Delete", s.Delete(t.Context(), key, 1), driver.ErrConflict)
		if n%97 != 0 {
			continue
		}
		for e, err := range s.All(t.Context()) {
			t.Fatalf("All yields %v, %v", e, err)
		}
		save(t, s, key, 0, rec)
		if _, err := s.Load(t.Context(), key); err != nil {
			t.Error(err)
		}
		plant(t, s, key, whole[:n])
		wantErr(t, "Delete", s.Delete(t.Context(), key, 0), nil)
		if left := files(t, s.records.dir); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	}
	plant(t, s, key, whole[:100])
	c.set(beginning + 1000)
	sweep(t, s, 0)
	if left := files(t, s.records.dir); len(left) != 0 {
		t.Errorf("left by the sweep: %q", left)
	}
}

// A simulated file is read in pieces while writes to it go on.
type simulated struct {
	*rand.Rand
	bytes   []byte
	writing []byte // what is left of a write
	at      int
	version driver.Version // the last one that began
	acked   driver.Version
	current int // the slot
	seq     uint64
	chunk   int
	speed   int // of the writers, from 1 on
}

// begin begins a write, or one of a writer that dies.
func (f *simulated) begin() {
	half := len(f.bytes) / 2
	f.version++
	b, err := driver.AppendRecord(make([]byte, slotHead), patterned(f.version, 1+f.IntN(half-slotHead-100)))
	if err != nil {
		panic(err)
	}
	putHead(b, half, f.seq+1)
	f.writing, f.at = b, (1-f.current)*half
}

// step writes some more bytes.
func (f *simulated) step() {
	if f.writing == nil {
		f.begin()
	}
	n := min(len(f.writing), 1+f.IntN(f.chunk))
	copy(f.bytes[f.at:], f.writing[:n])
	f.at += n
	if f.writing = f.writing[n:]; len(f.writing) == 0 {
		f.writing, f.acked = nil, f.version
		f.current, f.seq = 1-f.current, f.seq+1
	} else if f.IntN(50) == 0 {
		f.writing = nil // the writer is killed
	}
}

func (f *simulated) read(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		for f.IntN(f.speed) > 0 {
			f.step()
		}
		n += copy(b[n:min(len(b), n+1+f.IntN(f.chunk))], f.bytes[int(at)+n:])
	}
	return n, nil
}

// A reader that is interrupted at any byte by any number of writes, some of which
// are cut, returns a whole record, and none older than what was acknowledged before.
func TestReadDuringWrites(t *testing.T) {
	for _, size := range []int{512, smallFile + 2048} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			runs := 400_000 * 512 / size
			if testing.Short() {
				runs /= 10
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			f := &simulated{Rand: rand.New(rand.NewPCG(seed, 0)), bytes: make([]byte, size), chunk: size / 8, current: 1, speed: 1}
			for f.begin(); f.acked == 0; f.step() {
			}
			newer, again := 0, 0
			buf := make([]byte, size)
			for range runs {
				for range f.IntN(20) {
					f.step()
				}
				f.speed = 1 + f.IntN(5)
				acked, reads := f.acked, 0
				got, err := readCurrent(int64(size), false, buf, func(b []byte, at int64) (int, error) { reads++; return f.read(b, at) })
				if err != nil || got.unborn {
					t.Fatal(got, err)
				}
				rec, err := driver.ParseRecord(got.record)
				if err == nil {
					err = checkPattern(rec)
				}
				if err != nil || rec.Version < acked {
					t.Fatalf("version %d, %v; %d was acknowledged", rec.Version, err, acked)
				}
				if rec.Version > acked {
					newer++
				}
				if reads > 1 {
					again++
				}
			}
			t.Logf("%d reads, %d writes; %d read again, %d returned a newer record", runs, f.version, again, newer)
		})
	}
}

// A record grows and shrinks through files of all sizes.
func TestSizes(t *testing.T) {
	s, _ := open(t, quickDir(t))
	key := driver.Key{1}
	v := driver.Version(0)
	for _, size := range []int{0, 1 << 10, 1<<10 + 500, 64 << 10, 70 << 10, 1 << 20, maxData - 1, maxData, maxData, 64 << 10, 1 << 10, 10} {
		rec := patterned(v+1, max(size, 8))
		save(t, s, key, v, rec)
		v++
		wantVersion(t, s, key, v, "%d bytes", size)
		info, err := os.Stat(pathOf(s, key))
		if err != nil {
			t.Fatal(err)
		}
		if least := int64(2 * minSlot); info.Size() > max(least, 16*2*minSlot, int64(size)*11) {
			t.Errorf("%d bytes of data take %d", size, info.Size())
		}
	}
	if _, err := s.Load(t.Context(), driver.Key{2}); err != driver.ErrNotFound {
		t.Error(err)
	}
}

// A write to a file that is removed meanwhile, which only an operator does without
// the lock, is not acknowledged.
func TestWriteToRemovedFile(t *testing.T) {
	for _, sync := range []bool{false, true} {
		s, err := openDir(t.TempDir(), Options{Sync: sync})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		key := driver.Key{1}
		save(t, s, key, 0, patterned(1, 100))
		e, err := s.look(key.String())
		if err != nil {
			t.Fatal(err)
		}
		defer e.done()
		if err := os.Remove(pathOf(s, key)); err != nil {
			t.Fatal(err)
		}
		b, _ := driver.AppendRecord(make([]byte, slotHead), patterned(2, 100))
		wantErr(t, "put", s.put(key.String(), &e, b), driver.ErrConflict)
		if _, err := s.Load(t.Context(), key); err != driver.ErrNotFound {
			t.Errorf("Load: %v", err)
		}
	}
}

// The files of earlier versions are read, and replaced when the record is written.
func TestEarlierFormat(t *testing.T) {
	s, _ := open(t, t.TempDir())
	key := driver.Key{1}
	save(t, s, key, 0, patterned(1, 100))
	plant(t, s, key, encoded(t, patterned(7, 1000)))
	wantVersion(t, s, key, 7, "as it was")
	wantErr(t, "Save", s.Save(t.Context(), key, 1, patterned(8, 100)), driver.ErrConflict)
	save(t, s, key, 7, patterned(8, 100))
	wantVersion(t, s, key, 8, "written")
	if info, err := os.Stat(pathOf(s, key)); err != nil || info.Size() != 2*minSlot {
		t.Errorf("%v, %v", info, err)
	}
	b := encoded(t, patterned(9, 1000))
	plant(t, s, key, b[:500])
	_, err := s.Load(t.Context(), key)
	wantErr(t, "Load of half", err, driver.ErrCorrupt)
}

// A copy by hard links stays as it was when it was made.
func TestCopyByHardLinks(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := t.TempDir()
		s, err := openDir(dir, Options{Sync: sync})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		key := driver.Key{1}
		save(t, s, key, 0, patterned(1, 100))
		save(t, s, key, 1, patterned(2, 100))
		before, err := os.ReadFile(pathOf(s, key))
		if err != nil {
			t.Fatal(err)
		}
		copied := pathOf(s, key) + ".copy"
		if err := os.Link(pathOf(s, key), copied); err != nil {
			t.Skip(err)
		}
		save(t, s, key, 2, patterned(3, 100))
		save(t, s, key, 3, patterned(4, 100))
		if b, err := os.ReadFile(copied); err != nil || !bytes.Equal(b, before) {
			t.Errorf("the copy was changed: %v", err)
		}
		wantVersion(t, s, key, 4, "the session")
	}
}

// With Options.Sync, the slots are in different blocks, and a file that has smaller
// ones is replaced.
func TestSyncedSlotsShareNoBlock(t *testing.T) {
	dir := t.TempDir()
	plain, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	s, err := openDir(dir, Options{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := driver.Key{1}
	save(t, plain, key, 0, patterned(1, 100))
	save(t, s, key, 1, patterned(2, 100))
	save(t, plain, key, 2, patterned(3, 100))
	save(t, s, key, 3, patterned(4, 100))
	if info, err := os.Stat(pathOf(s, key)); err != nil || info.Size() != 2*minSyncSlot {
		t.Errorf("%v, %v", info, err)
	}
	// What another process wrote is flushed before the other slot is overwritten.
	name := key.String()
	m := s.flushed.marks[name]
	if m.seq == 0 || !s.flushed.has(name, m) {
		t.Errorf("%+v", m)
	}
	save(t, plain, key, 4, patterned(5, 100))
	e, err := s.look(name)
	if err != nil {
		t.Fatal(err)
	}
	defer e.done()
	if s.flushed.has(name, mark{e.seq, e.sum}) {
		t.Error("a slot that another store wrote passes for flushed")
	}
	for i := range 2 * maxFlushed {
		s.flushed.set(fmt.Sprint(i), m)
	}
	if n := len(s.flushed.marks); n > maxFlushed {
		t.Errorf("%d are remembered", n)
	}
}

// FuzzSlots parses any bytes as a record's file. What is returned as a slot is one,
// byte for byte.
func FuzzSlots(f *testing.F) {
	image := func(seqs ...uint64) []byte {
		b := make([]byte, 512)
		for i, seq := range seqs {
			rec, err := driver.AppendRecord(make([]byte, slotHead), patterned(driver.Version(seq), 50))
			if err != nil {
				f.Fatal(err)
			}
			putHead(rec, 256, seq)
			copy(b[256*i:], rec)
		}
		return b
	}
	f.Add(image(1))
	f.Add(image(1, 2))
	f.Add(image(3, 2))
	f.Add(image(1)[:100])
	f.Add([]byte{})
	f.Add(encodedSeed(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, locked := range []bool{false, true} {
			got, err := readCurrent(int64(len(b)), locked, nil, func(p []byte, at int64) (int, error) {
				return copy(p, b[min(int(at), len(b)):]), nil
			})
			switch {
			case err != nil:
				t.Fatal(err)
			case got.unborn && (got.seq != 0 || got.record != nil):
				t.Error("a file that was not completed has a record")
			case got.seq != 0:
				again := append(make([]byte, slotHead), got.record...)
				putHead(again, got.size, got.seq)
				if at := got.slot * got.size; 2*got.size != len(b) || !bytes.Equal(again, b[at:at+len(again)]) {
					t.Errorf("%q was read as %+v", b, got)
				}
				if other := parseSlot(b[(1-got.slot)*got.size:][:got.size]); other.seq > got.seq {
					t.Errorf("number %d was read, %d is there", got.seq, other.seq)
				}
			case !got.unborn && !bytes.Equal(got.record, b):
				t.Errorf("%q was read as %q", b, got.record)
			}
			if _, err := driver.ParseRecord(got.record); got.seq == 0 && err != nil && !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat) {
				t.Error(err)
			}
		}
	})
}

func encodedSeed(f *testing.F) []byte {
	b, err := driver.AppendRecord(nil, patterned(1, 50))
	if err != nil {
		f.Fatal(err)
	}
	return b
}
