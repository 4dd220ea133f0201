package dbm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// edit changes the database of a closed store in a transaction.
func edit(t testing.TB, dir string, f func(b buckets) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error { return f(buckets{tx, namesOf("")}) }))
	must(t, db.Close())
}

// withStore calls f with a store in dir, and closes the store.
func withStore(t testing.TB, dir string, f func(s *store)) {
	t.Helper()
	s, err := openIn(dir, Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	f(s)
}

func TestDamagedRecord(t *testing.T) {
	raw, err := encode(&driver.Record{Data: []byte("some data"), Owner: "user", Version: 1, Expires: 1 << 60})
	must(t, err)
	damaged := map[string][]byte{"empty": {}, "trailing bytes": append(bytes.Clone(raw), 0), "doubled": append(bytes.Clone(raw), raw...)}
	for i := range raw {
		damaged[fmt.Sprint("cut at ", i)] = raw[:i]
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		damaged[fmt.Sprint("bit flipped in byte ", i)] = flipped
	}
	dir := t.TempDir()
	withStore(t, dir, func(s *store) { must(t, fill(s, 3)) })
	for what, bad := range damaged {
		edit(t, dir, func(b buckets) error { return b.in(b.records).Put(keyBytes(1), bad) })
		withStore(t, dir, func(s *store) {
			if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrCorrupt) {
				t.Errorf("%s: Load returned %v", what, err)
			}
			if err := s.Save(background, keyOf(1), 1, recordOf(1, "")); !errors.Is(err, driver.ErrCorrupt) {
				t.Errorf("%s: Save returned %v", what, err)
			}
			checkNeighbours(t, s, what, driver.ErrCorrupt)
		})
	}
	// It can be deleted. The sweep removes its index entries when they are due.
	s, err := New(Options{}).Open(background, driver.Config{DataDir: dir, SweepInterval: -1, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	must(t, err)
	must(t, s.Delete(background, keyOf(1), 0))
	if n, err := s.(*store).Sweep(background); err != nil || n != 2 {
		t.Errorf("Sweep removed %d (%v)", n, err)
	}
	must(t, s.Close())
	edit(t, dir, func(b buckets) error {
		if n := b.in(b.records).Stats().KeyN + b.in(b.expires).Stats().KeyN; n != 0 {
			t.Errorf("%d entries are left", n)
		}
		return nil
	})
}

func keyBytes(n int) []byte { k := keyOf(n); return k[:] }

// checkNeighbours fails unless the records 0 and 2 can be read and listed, and
// reading record 1 returns want.
func checkNeighbours(t testing.TB, s *store, what string, want error) {
	t.Helper()
	for _, k := range []int{0, 2} {
		if _, err := s.Load(background, keyOf(k)); err != nil {
			t.Errorf("%s: Load of record %d: %v", what, k, err)
		}
	}
	for name, list := range map[string]func(func(driver.Entry, error) bool){"All": s.All(background), "Owned": s.Owned(background, "user")} {
		good, bad := 0, 0
		for e, err := range list {
			switch {
			case err == nil:
				good++
			case errors.Is(err, want) && e.Key == keyOf(1):
				bad++
			default:
				t.Errorf("%s: %s: %v", what, name, err)
			}
		}
		if good != 2 || bad != 1 {
			t.Errorf("%s: %s yielded %d records and %d errors", what, name, good, bad)
		}
	}
	if n, err := s.Sweep(background); n != 0 || err != nil {
		t.Errorf("%s: Sweep removed %d (%v)", what, n, err)
	}
}

func TestRecordOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	withStore(t, dir, func(s *store) {
		must(t, fill(s, 3))
		for n := range 20 { // expired
			rec := recordOf(n, "")
			rec.Expires = driver.Millis(n - 10)
			must(t, s.Save(background, keyOf(10+n), 0, rec))
		}
	})
	newer, err := encode(&driver.Record{Version: 1, Expires: 1 << 60})
	must(t, err)
	newer = append(newer[:len(newer)-4], "fields of a newer version"...)
	newer[0]++
	newer = binary.BigEndian.AppendUint32(newer, crc32.Checksum(newer, crc32.MakeTable(crc32.Castagnoli)))
	edit(t, dir, func(b buckets) error {
		return errors.Join(b.in(b.records).Put(keyBytes(1), newer), b.in(b.expires).Put(expiresKey(0, keyOf(1)), nil))
	})
	withStore(t, dir, func(s *store) {
		if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Load returned %v", err)
		}
		if err := s.Save(background, keyOf(1), 0, recordOf(1, "")); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Save returned %v", err)
		}
		if n, err := s.Sweep(background); n != 20 || err != nil {
			t.Errorf("Sweep removed %d (%v)", n, err)
		}
		checkNeighbours(t, s, "newer", driver.ErrNewerFormat)
	})
}

// Open returns ErrDamaged for a file that is not a complete database.
func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	withStore(t, dir, func(s *store) { must(t, fill(s, 200)) })
	path := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(path)
	must(t, err)
	garbage := make([]byte, 1<<16)
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	bad := map[string][]byte{
		"empty": {}, "one byte": {1}, "text": []byte("not a database\n"), "garbage": garbage, "zeros": make([]byte, 1<<16),
	}
	used := inUse(t, path)
	for i := 1; i < 40; i++ {
		bad[fmt.Sprint("cut to ", i, "/40")] = whole[:used*i/40]
		bad[fmt.Sprint("cut to page ", i)] = whole[:4096*i]
	}
	bad["cut by a byte"] = whole[:used-1]
	for what, content := range bad {
		must(t, os.WriteFile(path, content, 0o600))
		if s, err := openIn(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Open returned %v", what, err)
			if err == nil {
				s.Close()
			}
		}
	}
	must(t, os.WriteFile(path, whole[:used], 0o600))
	withStore(t, dir, func(s *store) { must(t, holds(s, 200)) })
}

// inUse returns how many bytes of the file bbolt uses. The rest is reserved.
func inUse(t testing.TB, path string) (used int) {
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.View(func(tx *bbolt.Tx) error {
		used = int(tx.Size())
		return nil
	}))
	must(t, db.Close())
	return used
}

// If the file is damaged while the store is open, calls fail until it is replaced.
func TestDamagedFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	withStore(t, dir, func(s *store) { must(t, fill(s, 20)) })
	backup, err := os.ReadFile(path)
	must(t, err)
	s := opened(t, dir)
	for range 3 {
		must(t, os.WriteFile(path+".bad", []byte("not a database"), 0o600))
		must(t, os.Rename(path+".bad", path))
		eventually(t, func() bool {
			_, err := s.Load(background, keyOf(0))
			return errors.Is(err, ErrDamaged)
		})
		if err := s.Save(background, keyOf(50), 0, recordOf(1, "")); !errors.Is(err, ErrDamaged) {
			t.Errorf("Save returned %v", err)
		}
		must(t, os.WriteFile(path+".good", backup, 0o600))
		must(t, os.Rename(path+".good", path))
		eventually(t, func() bool { return holds(s, 20) == nil })
	}
	must(t, os.Remove(path))
	eventually(t, func() bool {
		_, err := s.Load(background, keyOf(0))
		return errors.Is(err, driver.ErrNotFound)
	})
	must(t, fill(s, 20))
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("not within 5 s")
		}
	}
}

// Reading the mapped memory of a truncated file faults.
func TestTruncatedWhileOpen(t *testing.T) {
	for _, size := range []int64{0, 100, 4096, 3 * 4096} {
		dir := t.TempDir()
		s := opened(t, dir)
		must(t, fill(s, 200))
		must(t, os.Truncate(filepath.Join(dir, fileName), size))
		failed := 0
		for n := range 200 {
			if _, err := s.Load(background, keyOf(n)); err != nil {
				failed++
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%d bytes: Load returned %v", size, err)
				}
			}
		}
		if failed == 0 {
			t.Errorf("truncated to %d bytes: every record could be read", size)
		}
		if err := s.Save(background, keyOf(1000), 0, recordOf(1, "")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: Save returned %v", size, err)
		}
		for _, err := range s.All(background) {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes: All yielded %v", size, err)
			}
		}
	}
}

// Bits flipped anywhere in the file cause neither a panic nor a hang. The test runs
// in a process of its own, because one kind of damage ends the process: bbolt
// follows pages that refer to each other in a circle until the stack overflows.
func TestDamageAnywhere(t *testing.T) {
	t.Parallel()
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	dir := t.TempDir()
	withStore(t, dir, func(s *store) {
		must(t, fill(s, 200))
		for n := range 100 {
			must(t, s.Delete(background, keyOf(n), 0))
		}
	})
	must(t, os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, wholeName)))
	unopened, failed, circles := 0, 0, 0
	for round := 0; round < rounds; round++ {
		p := start(t, "damage", dir)
		fmt.Fprintln(p.in, round, rounds)
		for p.out.Scan() {
			fmt.Sscan(p.out.Text(), &round, &unopened, &failed)
		}
		if err := p.cmd.Wait(); err == nil {
			break
		}
		if !strings.Contains(p.err.String(), "fatal error: stack overflow") || !strings.Contains(p.err.String(), "bbolt.(*Cursor)") {
			t.Fatalf("round %d: %.4000s", round, p.err)
		}
		if circles++; circles > rounds/10 {
			t.Fatalf("%d of %d rounds ended the process", circles, round)
		}
	}
	t.Logf("%d rounds: %d databases could not be opened, %d calls failed, %d rounds ended the process", rounds, unopened, failed, circles)
}

const wholeName = "whole"

func init() {
	roles["damage"] = func(dir string, out io.Writer, in *bufio.Scanner) error {
		in.Scan()
		first, rounds := 0, 0
		if _, err := fmt.Sscan(in.Text(), &first, &rounds); err != nil {
			return err
		}
		whole, err := os.ReadFile(filepath.Join(dir, wholeName))
		if err != nil {
			return err
		}
		unopened, failed := 0, 0
		for round := first; round < rounds; round++ {
			fmt.Fprintln(out, round, unopened, failed)
			if err := os.WriteFile(filepath.Join(dir, fileName), damaged(whole, round), 0o600); err != nil {
				return err
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				opened, n := useAll(dir)
				if !opened {
					unopened++
				}
				failed += n
			}()
			select {
			case <-done:
			case <-time.After(time.Minute):
				buf := make([]byte, 1<<20)
				return fmt.Errorf("round %d hung:\n%s", round, buf[:runtime.Stack(buf, true)])
			}
		}
		fmt.Fprintln(out, rounds, unopened, failed)
		return nil
	}
}

// damaged returns the file with some bits flipped. The same round flips the same
// bits.
func damaged(whole []byte, round int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(round)))
	bad := bytes.Clone(whole)
	for range 1 + random.IntN(20) {
		at := random.IntN(len(bad))
		if random.IntN(2) == 0 { // in the header of a page
			at = at/4096*4096 + random.IntN(64)
		}
		// In the high byte of a size it would make bbolt allocate gigabytes.
		if at%4 == 3 {
			at--
		}
		bad[at] ^= 1 << random.IntN(8)
	}
	return bad
}

// useAll calls every method of the store. It reports whether the database could be
// opened, and returns how many calls failed.
func useAll(dir string) (opened bool, failed int) {
	s, err := openIn(dir, Options{})
	if err != nil {
		return false, 0
	}
	count := func(err error) {
		if err != nil {
			failed++
		}
	}
	for n := range 200 {
		_, err := s.Load(background, keyOf(n))
		count(err)
	}
	for _, err := range s.All(background) {
		count(err)
	}
	for _, err := range s.Owned(background, "user") {
		count(err)
	}
	for n := range 30 {
		count(s.Save(background, keyOf(n), 0, recordOf(n, "user")))
		count(s.Delete(background, keyOf(100+n), 0))
	}
	_, err = s.Sweep(background)
	count(err)
	count(s.Close())
	return true, failed
}
