package dbm

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

var background = context.Background()

func keyOf(n int) (k driver.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

// recordOf returns a record whose data contains its number; sizes vary with n.
func recordOf(n int, owner string) driver.Record {
	data := make([]byte, 8+n*37%3000)
	binary.BigEndian.PutUint64(data, uint64(n))
	for i := range data[8:] {
		data[8+i] = byte(n + i)
	}
	now := driver.MillisOf(time.Now())
	return driver.Record{
		Data: data, Owner: owner, Version: newVersion(),
		Created: now, Accessed: now, Expires: now + 3_600_000 + driver.Millis(n),
	}
}

func newVersion() driver.Version { return driver.Version(1 + rand.Int64N(1<<63-1)) }

// numberOf returns the number of a record of recordOf, or an error if its data is
// not whole.
func numberOf(rec driver.Record) (int, error) {
	if len(rec.Data) < 8 {
		return 0, fmt.Errorf("%d bytes", len(rec.Data))
	}
	n := int(binary.BigEndian.Uint64(rec.Data))
	if want := recordOf(n, ""); string(want.Data) != string(rec.Data) {
		return 0, fmt.Errorf("record %d is not whole", n)
	}
	return n, nil
}

// holds returns an error unless the records 0 to n-1 exist and are whole.
func holds(s *store, n int) error {
	for k := range n {
		rec, err := s.Load(background, keyOf(k))
		if err != nil {
			return fmt.Errorf("record %d: %w", k, err)
		}
		if got, err := numberOf(rec); err != nil || got != k {
			return fmt.Errorf("record %d is %d (%v)", k, got, err)
		}
	}
	return nil
}

func fill(s *store, n int) error {
	for k := range n {
		if err := s.Save(background, keyOf(k), 0, recordOf(k, "user")); err != nil {
			return err
		}
	}
	return nil
}

// increment adds one to the number at key, and retries on a conflict.
func increment(s driver.Store, key driver.Key) error {
	for {
		rec, err := s.Load(background, key)
		if err != nil {
			return err
		}
		n, err := numberOf(rec)
		if err != nil {
			return err
		}
		err = s.Save(background, key, rec.Version, recordOf(n+1, rec.Owner))
		if !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

const (
	counters   = 3 // goroutines in each process
	increments = 40
)

func countMany(s driver.Store) error {
	var all sync.WaitGroup
	errs := make([]error, counters)
	for i := range errs {
		all.Go(func() {
			for range increments {
				errs[i] = errors.Join(errs[i], increment(s, keyOf(1)))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func init() {
	roles["count"] = func(dir string, out io.Writer, in *bufio.Scanner) error {
		s, err := openIn(dir, Options{})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "ready")
		in.Scan()
		return errors.Join(countMany(s), s.Close())
	}
}

func TestParallelIncrementsAreAllCounted(t *testing.T) {
	for _, processes := range []int{2, 4} {
		t.Run(fmt.Sprint(processes, " processes"), func(t *testing.T) {
			dir := t.TempDir()
			s := opened(t, dir)
			must(t, s.Save(background, keyOf(1), 0, recordOf(0, "")))
			var others []*process
			for range processes - 1 {
				p := start(t, "count", dir)
				p.line()
				others = append(others, p)
			}
			for _, p := range others {
				p.say("go")
			}
			must(t, countMany(s))
			for _, p := range others {
				p.done()
			}
			rec, err := s.Load(background, keyOf(1))
			must(t, err)
			if n, err := numberOf(rec); err != nil || n != processes*counters*increments {
				t.Errorf("counted %d of %d (%v)", n, processes*counters*increments, err)
			}
			checkFile(t, s)
		})
	}
}

func init() {
	// revive saves the record until it is deleted, and then tries to save it again.
	roles["revive"] = func(dir string, out io.Writer, _ *bufio.Scanner) error {
		s, err := openIn(dir, Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		var last driver.Record
		for n := 0; ; n++ {
			rec, err := s.Load(background, keyOf(1))
			if errors.Is(err, driver.ErrNotFound) {
				break
			}
			if err != nil {
				return err
			}
			last = rec
			next := recordOf(n, "user")
			if err := s.Save(background, keyOf(1), rec.Version, next); err == nil {
				last = next
			}
			if n == 3 {
				fmt.Fprintln(out, "busy")
			}
		}
		for n := range 50 {
			last.Accessed++
			if err := s.Touch(background, keyOf(1), last); !errors.Is(err, driver.ErrConflict) {
				return fmt.Errorf("touch after sign-out: %v", err)
			}
			if err := s.Save(background, keyOf(1), last.Version, recordOf(n, "user")); !errors.Is(err, driver.ErrConflict) {
				return fmt.Errorf("save after sign-out: %v", err)
			}
		}
		return nil
	}
}

func TestSignOutIsFinalInAllProcesses(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		s := opened(t, dir)
		must(t, s.Save(background, keyOf(1), 0, recordOf(0, "user")))
		others := []*process{start(t, "revive", dir), start(t, "revive", dir), start(t, "revive", dir)}
		for _, p := range others {
			p.line()
		}
		must(t, s.Delete(background, keyOf(1), 0))
		for _, p := range others {
			p.done()
		}
		if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("Load after sign-out: %v", err)
		}
		for e, err := range s.Owned(background, "user") {
			t.Errorf("Owned yields %v (%v)", e.Key, err)
		}
	}
}

func init() {
	// refresh extends sessions by touching and saving them.
	roles["refresh"] = func(dir string, out io.Writer, in *bufio.Scanner) error {
		s, err := openIn(dir, Options{})
		if err != nil {
			return err
		}
		var stop atomic.Bool
		go func() {
			in.Scan()
			stop.Store(true)
		}()
		fmt.Fprintln(out, "ready")
		for n := 0; !stop.Load(); n++ {
			key := keyOf(n % 100)
			rec, err := s.Load(background, key)
			if err != nil {
				return fmt.Errorf("loading a live session: %w", err)
			}
			rec.Expires++
			if n%2 == 0 {
				err = s.Touch(background, key, rec)
			} else {
				err = s.Save(background, key, rec.Version, recordOf(n, rec.Owner))
			}
			if err != nil {
				return err
			}
		}
		return s.Close()
	}
}

func TestSweepWhileOtherProcessesWrite(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	for n := range 100 {
		must(t, s.Save(background, keyOf(n), 0, recordOf(n, "user")))
	}
	p := start(t, "refresh", dir)
	p.line()
	const batches, each = 4, 300
	for range batches {
		var all sync.WaitGroup
		for n := range each {
			all.Go(func() {
				rec := recordOf(n, "gone")
				rec.Expires = 1 + driver.Millis(n)
				if err := s.Save(background, keyOf(1000+n), 0, rec); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n, err := s.Sweep(background); err != nil || n != each {
			t.Errorf("Sweep removed %d of %d (%v)", n, each, err)
		}
	}
	p.say("stop")
	p.done()
	if n := checkFile(t, s); n != 100 {
		t.Errorf("%d sessions, want 100", n)
	}
}

func init() {
	load := func(op func(s *store, n int) error) func(string, io.Writer, *bufio.Scanner) error {
		return func(dir string, out io.Writer, in *bufio.Scanner) error {
			s, err := openIn(dir, Options{})
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "ready")
			in.Scan()
			var done atomic.Int64
			var all sync.WaitGroup
			errs := make(chan error, 4)
			for c := range 4 {
				all.Go(func() {
					for began := time.Now(); time.Since(began) < 2*time.Second; done.Add(1) {
						if err := op(s, c); err != nil {
							errs <- err
							return
						}
					}
				})
			}
			all.Wait()
			select {
			case err := <-errs:
				return err
			default:
			}
			fmt.Fprintln(out, done.Load())
			return s.Close()
		}
	}
	roles["write"] = load(func(s *store, n int) error {
		rec := recordOf(n, "")
		err := s.Delete(background, keyOf(100+n), 0)
		if err == nil {
			if err = s.Save(background, keyOf(100+n), 0, rec); errors.Is(err, driver.ErrConflict) {
				err = nil // the other process was faster
			}
		}
		return err
	})
	roles["read"] = load(func(s *store, n int) error {
		_, err := s.Load(background, keyOf(n))
		return err
	})
}

func TestTwoProcessesAtFullLoadShareFairly(t *testing.T) {
	for _, pair := range [][2]string{{"write", "write"}, {"read", "read"}} {
		t.Run(pair[0], func(t *testing.T) {
			dir := t.TempDir()
			s := opened(t, dir)
			for n := range 4 {
				must(t, s.Save(background, keyOf(n), 0, recordOf(n, "")))
			}
			a, b := start(t, pair[0], dir), start(t, pair[1], dir)
			a.line()
			b.line()
			a.say("go")
			b.say("go")
			var did [2]int
			for i, p := range []*process{a, b} {
				fmt.Sscan(p.line(), &did[i])
				p.done()
			}
			t.Logf("%d and %d operations", did[0], did[1])
			if total := did[0] + did[1]; min(did[0], did[1])*5 < total {
				t.Errorf("%d and %d operations: one process did less than a fifth", did[0], did[1])
			}
		})
	}
}

// A reader gets the file while another process writes all the time.
func TestReadWhileAnotherProcessIsBusy(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	must(t, s.Save(background, keyOf(1), 0, recordOf(1, "")))
	p := start(t, "write", dir)
	p.line()
	p.say("go")
	var worst time.Duration
	for range 30 {
		time.Sleep(10 * time.Millisecond) // until the other process has the file again
		began := time.Now()
		_, err := s.Load(background, keyOf(1))
		must(t, err)
		worst = max(worst, time.Since(began))
	}
	t.Logf("the slowest read took %v", worst)
	if worst > time.Second {
		t.Errorf("a read took %v while another process was busy", worst)
	}
	p.done()
}

// checkFile closes the store and returns the number of records. It fails if bbolt
// finds an error in the file, or if the indexes do not agree with the records.
func checkFile(t testing.TB, s *store) int {
	t.Helper()
	path := filepath.Join(s.cfg.DataDir, fileName)
	must(t, s.Close())
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	defer db.Close()
	records := 0
	must(t, db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		b := buckets{tx, s.names}
		if b.missing() {
			return nil
		}
		want := map[string]bool{}
		b.in(b.records).ForEach(func(k, v []byte) error {
			rec, err := driver.ParseRecord(v)
			if err != nil {
				t.Error(err)
			}
			records++
			want[string(expiresKey(rec.Expires, driver.Key(k)))] = true
			if rec.Owner != "" {
				want["owner "+string(ownersKey(rec.Owner, driver.Key(k)))] = true
			}
			return nil
		})
		entries := 0
		b.in(b.expires).ForEach(func(k, _ []byte) error {
			entries++
			if !want[string(k)] {
				t.Errorf("the expiry index has %x, but no record does", k)
			}
			return nil
		})
		b.in(b.owners).ForEach(func(k, _ []byte) error {
			entries++
			if !want["owner "+string(k)] {
				t.Errorf("the owner index has %x, but no record does", k)
			}
			return nil
		})
		if entries != len(want) {
			t.Errorf("the indexes have %d entries, want %d", entries, len(want))
		}
		return nil
	}))
	return records
}
