package file

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// keyOf returns key i. Keys that differ in the low byte are in different directories.
func keyOf(i int) driver.Key { return driver.Key{byte(i), byte(i >> 8), 5} }

func soon(d time.Duration) driver.Millis { return driver.MillisOf(time.Now().Add(d)) }

func init() {
	// count N: increment the counter at key 0 N times.
	children["count"] = func(dir string, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		s, err := openDir(dir, Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		for range n {
			if err := increment(s, keyOf(0)); err != nil {
				return err
			}
		}
		return nil
	}

	// use N: load, save and touch the first N sessions until all are deleted.
	children["use"] = func(dir string, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		s, err := openDir(dir, Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		fmt.Println("ready")
		gone := make(map[int]bool)
		for len(gone) < n {
			i := rand.IntN(n)
			rec, err := s.Load(ctx, keyOf(i))
			if gone[i] = gone[i] || errors.Is(err, driver.ErrNotFound); gone[i] {
				if err == nil {
					return fmt.Errorf("session %d was deleted and exists again", i)
				}
				continue
			}
			if err != nil {
				return err
			}
			old := rec.Version
			if rand.IntN(2) == 0 {
				rec.Accessed++
				err = s.Touch(ctx, keyOf(i), rec)
			} else {
				rec.Version = drawn()
				err = s.Save(ctx, keyOf(i), old, rec)
			}
			if err != nil && !errors.Is(err, driver.ErrConflict) {
				return err
			}
		}
		return nil
	}

	// churn N: touch the first N sessions and create others, for a second.
	children["churn"] = func(dir string, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		s, err := openDir(dir, Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		for began := time.Now(); time.Since(began) < time.Second; {
			i := rand.IntN(n)
			rec, err := s.Load(ctx, keyOf(i))
			if err != nil {
				return fmt.Errorf("session %d: %w", i, err)
			}
			rec.Expires = soon(20*time.Second + time.Duration(rand.IntN(3000))*time.Millisecond)
			if err := s.Touch(ctx, keyOf(i), rec); err != nil && !errors.Is(err, driver.ErrConflict) {
				return err
			}
			var key driver.Key
			for i := range key {
				key[i] = byte(rand.IntN(256))
			}
			brief := until(soon(time.Duration(rand.IntN(50)) * time.Millisecond))
			if err := s.Save(ctx, key, 0, brief); err != nil {
				return err
			}
		}
		return nil
	}

	// sweep: sweep repeatedly, for a second.
	children["sweep"] = func(dir string, _ []string) error {
		s, err := openDir(dir, Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		for began := time.Now(); time.Since(began) < time.Second; {
			if _, err := s.Sweep(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// increment adds one to the counter at key.
func increment(s *store, key driver.Key) error {
	for {
		rec, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		old := rec.Version
		n, err := strconv.Atoi(string(rec.Data))
		if err != nil {
			return err
		}
		rec.Data = strconv.AppendInt(nil, int64(n+1), 10)
		rec.Version = drawn()
		if err = s.Save(ctx, key, old, rec); !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

func TestProcessesCount(t *testing.T) {
	for _, processes := range []int{2, 4} {
		t.Run(strconv.Itoa(processes), func(t *testing.T) {
			dir := t.TempDir()
			s, err := openDir(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			rec := until(1 << 60)
			rec.Data = []byte("0")
			save(t, s, keyOf(0), 0, rec)
			const each = 300
			var others []*child
			for range processes - 1 {
				others = append(others, start(t, dir, fmt.Sprint("count ", each)))
			}
			began := time.Now()
			for range each {
				if err := increment(s, keyOf(0)); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range others {
				c.wait()
			}
			t.Logf("%v an increment", time.Since(began)/time.Duration(each*processes))
			rec, err = s.Load(ctx, keyOf(0))
			if err != nil || string(rec.Data) != strconv.Itoa(processes*each) {
				t.Errorf("%s counted of %d, %v", rec.Data, processes*each, err)
			}
		})
	}
}

// A session that one process deletes stays deleted, whatever the others write.
func TestProcessesDelete(t *testing.T) {
	dir := t.TempDir()
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 150
	for i := range n {
		save(t, s, keyOf(i), 0, until(1<<60))
	}
	var others []*child
	for range 3 {
		c := start(t, dir, fmt.Sprint("use ", n))
		if !c.lines.Scan() || c.lines.Text() != "ready" {
			t.Fatal("the child process did not start")
		}
		others = append(others, c)
	}
	for i := range n {
		if err := s.Delete(ctx, keyOf(i), 0); err != nil {
			t.Fatal(err)
		}
		for j := max(0, i-10); j <= i; j++ {
			_, err := s.Load(ctx, keyOf(j))
			wantErr(t, "Load of a deleted session", err, driver.ErrNotFound)
		}
	}
	for _, c := range others {
		c.wait()
	}
	if left := files(t, s.records.dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	if left := files(t, s.owners.dirs.dir); len(left) != 0 {
		t.Errorf("left in the owner index: %q", left)
	}
}

// Two processes sweep while two others extend sessions and create new ones.
func TestProcessesSweep(t *testing.T) {
	dir := t.TempDir()
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 50
	for i := range n {
		rec := until(soon(300 * time.Millisecond)) // when the sweeps look at it
		save(t, s, keyOf(i), 0, rec)
		rec.Expires = soon(20 * time.Second)
		if err := s.Touch(ctx, keyOf(i), rec); err != nil {
			t.Fatal(err)
		}
	}
	var all []*child
	for _, what := range []string{"churn ", "churn ", "sweep ", "sweep "} {
		all = append(all, start(t, dir, what+strconv.Itoa(n)))
	}
	for _, c := range all {
		c.wait()
	}
	time.Sleep(50 * time.Millisecond) // until the last short session has expired
	before := len(files(t, s.records.dir))
	removed, err := s.Sweep(ctx)
	if left := files(t, s.records.dir); err != nil || len(left) != n {
		t.Errorf("%d of %d files are left after the last sweep, which removed %d: %v", len(left), before, removed, err)
	}
	if left := files(t, s.owners.dirs.dir); len(left) != n {
		t.Errorf("%d entries in the owner index", len(left))
	}
	for i := range n {
		if _, err := s.Load(ctx, keyOf(i)); err != nil {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if names := logs(t, s); strings.Contains(strings.Join(names, " "), claimedSuffix) {
		t.Errorf("logs: %q", names)
	}
}

func drawn() driver.Version { return driver.Version(1 + rand.Int64N(1<<62)) }
