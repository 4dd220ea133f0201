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

// edit changes the database of a closed store, in a transaction.
func edit(t testing.TB, dir string, f func(b buckets) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error { return f(buckets{tx, namesOf("")}) }))
	must(t, db.Close())
}

// with opens a store in dir for the time of f.
func with(t testing.TB, dir string, f func(s *store)) {
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
	with(t, dir, func(s *store) { must(t, fill(s, 3)) })
	for what, bad := range damaged {
		edit(t, dir, func(b buckets) error { return b.in(b.records).Put(keyBytes(1), bad) })
		with(t, dir, func(s *store) {
			if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrCorrupt) {
				t.Errorf("%s: Load gave %v", what, err)
			}
			if err := s.Save(background, keyOf(1), 1, recordOf(1, "")); !errors.Is(err, driver.ErrCorrupt) {
				t.Errorf("%s: Save gave %v", what, err)
			}
			neighbours(t, s, what, driver.ErrCorrupt)
		})
	}
	// Deleting it makes room; what the indexes have of it goes with time.
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

// neighbours are the records 0 and 2, while 1 is bad.
func neighbours(t testing.TB, s *store, what string, want error) {
	t.Helper()
	for _, k := range []int{0, 2} {
		if _, err := s.Load(background, keyOf(k)); err != nil {
			t.Errorf("%s: a neighbour: %v", what, err)
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
			t.Errorf("%s: %s yielded %d and %d errors", what, name, good, bad)
		}
	}
	if n, err := s.Sweep(background); n != 0 || err != nil {
		t.Errorf("%s: Sweep removed %d (%v)", what, n, err)
	}
}

func TestRecordOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	with(t, dir, func(s *store) {
		must(t, fill(s, 3))
		for n := range 20 { // expired ones beside it
			rec := recordOf(n, "")
			rec.Expires = driver.Millis(n - 10)
			must(t, s.Save(background, keyOf(10+n), 0, rec))
		}
	})
	newer, err := encode(&driver.Record{Version: 1, Expires: 1 << 60})
	must(t, err)
	newer = append(newer[:len(newer)-4], "what is not known yet"...)
	newer[0]++
	newer = binary.BigEndian.AppendUint32(newer, crc32.Checksum(newer, crc32.MakeTable(crc32.Castagnoli)))
	edit(t, dir, func(b buckets) error {
		return errors.Join(b.in(b.records).Put(keyBytes(1), newer), b.in(b.expires).Put(expiresKey(0, keyOf(1)), nil))
	})
	with(t, dir, func(s *store) {
		if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Load gave %v", err)
		}
		if err := s.Save(background, keyOf(1), 0, recordOf(1, "")); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Save gave %v", err)
		}
		if n, err := s.Sweep(background); n != 20 || err != nil {
			t.Errorf("Sweep removed %d (%v)", n, err)
		}
		neighbours(t, s, "newer", driver.ErrNewerFormat)
	})
}

// A database that is none, or was one: a clear error, from Open.
func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	with(t, dir, func(s *store) { must(t, fill(s, 200)) })
	path := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(path)
	must(t, err)
	garbage := make([]byte, 1<<16)
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	bad := map[string][]byte{
		"nothing": {}, "a byte": {1}, "text": []byte("no database\n"), "garbage": garbage, "zeros": make([]byte, 1<<16),
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
			t.Errorf("%s: Open gave %v", what, err)
			if err == nil {
				s.Close()
			}
		}
	}
	must(t, os.WriteFile(path, whole[:used], 0o600))
	with(t, dir, func(s *store) { must(t, holds(s, 200)) })
}

// inUse is how much of the file bbolt uses; the rest is for it to grow.
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

// A file that is damaged under an open store is an error until another takes
// its place, and then it is forgotten.
func TestDamagedAndRestored(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	with(t, dir, func(s *store) { must(t, fill(s, 20)) })
	backup, err := os.ReadFile(path)
	must(t, err)
	s := opened(t, dir)
	for range 3 {
		must(t, os.WriteFile(path+".bad", []byte("no database"), 0o600))
		must(t, os.Rename(path+".bad", path))
		eventually(t, func() bool {
			_, err := s.Load(background, keyOf(0))
			return errors.Is(err, ErrDamaged)
		})
		if err := s.Save(background, keyOf(50), 0, recordOf(1, "")); !errors.Is(err, ErrDamaged) {
			t.Errorf("Save gave %v", err)
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
			t.Fatal("not after 5 s")
		}
	}
}

// The file is cut short while it is mapped: its memory faults.
func TestCutShortWhileOpen(t *testing.T) {
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
					t.Errorf("%d bytes: Load gave %v", size, err)
				}
			}
		}
		if failed == 0 {
			t.Errorf("%d bytes: every record is there", size)
		}
		if err := s.Save(background, keyOf(1000), 0, recordOf(1, "")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: Save gave %v", size, err)
		}
		for _, err := range s.All(background) {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes: All gave %v", size, err)
			}
		}
	}
}

// Bits flipped anywhere: never a panic, never a hang. In a process of its own,
// for there is one damage that ends it: pages that refer to each other in a
// circle, which bbolt follows until the stack is full, and that no program can
// recover from. The package documentation says so.
func TestDamageAnywhere(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	dir := t.TempDir()
	with(t, dir, func(s *store) {
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
	t.Logf("%d rounds: %d databases could not be opened, %d calls failed; %d rounds ended in a circle", rounds, unopened, failed, circles)
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
				return fmt.Errorf("round %d hangs:\n%s", round, buf[:runtime.Stack(buf, true)])
			}
		}
		fmt.Fprintln(out, rounds, unopened, failed)
		return nil
	}
}

// damaged flips some bits of the file, the same in each run.
func damaged(whole []byte, round int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(round)))
	bad := bytes.Clone(whole)
	for range 1 + random.IntN(20) {
		at := random.IntN(len(bad))
		if random.IntN(2) == 0 { // the head of a page is where it hurts
			at = at/4096*4096 + random.IntN(64)
		}
		// In the high byte of a size it costs gigabytes, which is no news.
		if at%4 == 3 {
			at--
		}
		bad[at] ^= 1 << random.IntN(8)
	}
	return bad
}

// useAll does everything with the database that a program can, and reports
// whether it could be opened, and how many calls failed.
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
