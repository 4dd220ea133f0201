package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestLogs(t *testing.T) {
	for _, tt := range []struct {
		at, now driver.Millis
		want    string
	}{
		{60_000, 0, "60000.log"},
		{119_999, 0, "60000.log"},
		{day, 0, "86400000.log"},
		{day + minute, minute, "86460000.log"},
		{day + minute + 1, minute, "86400000.log"}, // more than a day away: the log of the day
		{-1, 0, "-60000.log"},
		{1 << 62, 0, "4611686018371200000.log"},
	} {
		if got := logName(logAt(tt.at, tt.now), 0); got != tt.want {
			t.Errorf("logName(logAt(%d, %d), 0) is %s, want %s", tt.at, tt.now, got, tt.want)
		}
		if name := logName(logAt(tt.at, tt.now), 0); !isDue(name, tt.at) {
			t.Errorf("%s is not due at %d", name, tt.at)
		}
	}
	if isDue("60000.log", 59_999) || isDue("complete", 1<<62) || isDue("1.log.claimed", 1<<62) || isDue("x.log", 1<<62) {
		t.Error("a log that is not due yet, or a file that is not a log, is due")
	}
}

func TestLines(t *testing.T) {
	key := driver.Key{1, 2, 31: 3}
	for _, at := range []driver.Millis{0, 1, -1, beginning, 1<<63 - 1, -1 << 63} {
		line := string(appendLine(nil, key.String(), at))
		if len(line) != lineSize {
			t.Fatalf("%q has %d bytes", line, len(line))
		}
		line = strings.TrimSuffix(line, "\n")
		for cut := range line {
			if k, a, ok := parseLine(line[:cut] + line); !ok || k != key || a != at {
				t.Errorf("after a line cut at %d: %v %v %v", cut, k, a, ok)
			}
			if _, _, ok := parseLine(line[:cut]); ok {
				t.Errorf("a line cut at %d was accepted", cut)
			}
		}
	}
}

// Other bytes in a log do not hide a line.
func TestSweepReadsDamagedLogs(t *testing.T) {
	s, c := open(t, t.TempDir())
	log := filepath.Join(s.expiry.dir, logName(logAt(beginning+1000, beginning), 0))
	junk := func(b string) {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY|os.O_CREATE, fileMode)
		if err == nil {
			_, err = f.WriteString(b)
			f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range []string{"000001", strings.Repeat("\x00", 300_000), "\n\n", strings.Repeat("x", 4096), "not a line\n"} {
		junk(b)
		save(t, s, driver.Key{byte(i)}, 0, until(beginning+1000))
	}
	junk("cut sho")
	c.set(beginning + 1000)
	sweep(t, s, 5)
}

func logs(t *testing.T, s *store) (names []string) {
	t.Helper()
	for _, path := range files(t, s.expiry.dir) {
		if name := filepath.Base(path); name != completeName {
			names = append(names, name)
		}
	}
	return names
}

// size returns how many lines the logs have.
func size(t *testing.T, s *store) (n int) {
	t.Helper()
	for _, name := range logs(t, s) {
		info, err := os.Stat(filepath.Join(s.expiry.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		n += int(info.Size()) / lineSize
	}
	return n
}

// Only the creation of a session and an earlier expiry add a line. A sweep leaves
// one line for each session.
func TestLinesAreFew(t *testing.T) {
	s, c := open(t, t.TempDir())
	key := driver.Key{1}
	rec := until(beginning + 1000)
	save(t, s, key, 0, rec)
	for i := range 50 {
		rec.Expires += minute
		if i%2 == 0 {
			old := rec.Version
			rec.Version++
			save(t, s, key, old, rec)
		} else if err := s.Touch(t.Context(), key, rec); err != nil {
			t.Fatal(err)
		}
	}
	if n := size(t, s); n != 1 {
		t.Errorf("%d lines after refreshes", n)
	}
	for range 3 {
		rec.Expires -= minute
		if err := s.Touch(t.Context(), key, rec); err != nil {
			t.Fatal(err)
		}
	}
	if n := size(t, s); n != 4 {
		t.Errorf("%d lines after three earlier expiries", n)
	}
	for rec.Expires > s.now() {
		sweep(t, s, 0)
		c.set(s.now() + minute/2)
	}
	sweep(t, s, 1)
	c.set(s.now() + 3*minute) // when the lines of the earlier expiries are due
	sweep(t, s, 0)
	if n := size(t, s); n != 0 {
		t.Errorf("%d lines at the end", n)
	}
}

// A session that expires in some days is removed when it is due.
func TestDistantExpiry(t *testing.T) {
	s, c := open(t, t.TempDir())
	const n = 40
	for i := range n {
		save(t, s, driver.Key{byte(i)}, 0, until(beginning+driver.Millis(i)*day/4+1))
	}
	for i := range n {
		at := beginning + driver.Millis(i)*day/4 + 1
		c.set(at - 1)
		sweep(t, s, 0)
		c.set(at)
		sweep(t, s, 1)
	}
	if n := size(t, s); n != 0 {
		t.Errorf("%d lines left", n)
	}
}

// A sweep may be killed after any step. The next one finishes its work.
func TestKilledSweepIsFinished(t *testing.T) {
	s, c := open(t, t.TempDir())
	for i := range 20 {
		save(t, s, driver.Key{byte(i)}, 0, until(beginning+1000))
	}
	stays := driver.Key{99}
	rec := until(beginning + 1000)
	save(t, s, stays, 0, rec)
	rec.Expires += 2 * day
	if err := s.Touch(t.Context(), stays, rec); err != nil {
		t.Fatal(err)
	}
	c.set(beginning + 1000)

	// It is killed after it claimed the logs,
	taken, err := s.claimLogs(t.Context(), s.now())
	if err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	// while a writer creates another log with the same name,
	save(t, s, driver.Key{100}, 0, until(beginning+1000+1))
	// then in the middle of a log,
	again, err := s.removeExpired(t.Context(), driver.Key{3})
	if err != nil || !again.removed && !again.present {
		t.Fatal(again, err)
	}
	// and before it removes the log.
	copied, err := os.ReadFile(taken[0])
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.processLog(t.Context(), taken[0], s.now()); n != 19 || err != nil {
		t.Fatal(n, err)
	}
	if err := os.WriteFile(taken[0], copied, fileMode); err != nil {
		t.Fatal(err)
	}
	c.set(beginning + 1001)
	sweep(t, s, 1) // the one created meanwhile
	if _, err := s.Load(t.Context(), stays); err != nil {
		t.Errorf("Load of the extended session: %v", err)
	}
	c.set(rec.Expires)
	sweep(t, s, 1)
	if left := append(files(t, s.records.dir), logs(t, s)...); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// The sweep reads a log only when no writer can add to it any more: after each lock
// was free once.
func TestClaimWaitsForWriters(t *testing.T) {
	s, c := open(t, t.TempDir())
	save(t, s, driver.Key{1}, 0, until(beginning+1000))
	c.set(beginning + 1000)
	writer := s.locks.shard(7)
	if err := writer.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.expiry.dir, logName(logAt(beginning+1000, beginning), 0))
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	done := make(chan error)
	go func() {
		n, err := s.Sweep(t.Context())
		if err == nil && n != 2 {
			err = fmt.Errorf("%d removed", n)
		}
		done <- err
	}()
	for { // until the sweep has claimed the log
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	key := driver.Key{7}
	if _, err := f.Write(appendLine(nil, key.String(), beginning+1000)); err != nil {
		t.Fatal(err)
	}
	b, _ := driver.AppendRecord(make([]byte, slotHead), until(beginning+1000))
	if err := s.put(key.String(), &existing{}, b); err != nil {
		t.Fatal(err)
	}
	writer.unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The next sweep rebuilds the indexes if the file "complete" is missing, which is to
// be deleted after a restore or a power failure.
func TestIndexesAreRebuilt(t *testing.T) {
	dir := t.TempDir()
	s, c := open(t, dir)
	if _, err := os.Stat(filepath.Join(s.expiry.dir, completeName)); err != nil {
		t.Errorf("a new store: %v", err)
	}
	for i := range 30 {
		save(t, s, driver.Key{byte(i)}, 0, until(beginning+1000))
	}
	for _, lost := range []string{"expiry", "owners"} {
		if err := os.RemoveAll(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
	}
	sweep(t, s, 0)
	if n := owned(t, s, "user:42"); n != 30 {
		t.Errorf("%d owned", n)
	}
	if n := size(t, s); n != 30 {
		t.Errorf("%d lines", n)
	}
	c.set(beginning + 1000)
	sweep(t, s, 30)
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	s, _ := open(t, t.TempDir())
	keys := []driver.Key{{1}, {2}}
	for _, key := range keys {
		save(t, s, key, 0, until(beginning+1000))
		if err := os.WriteFile(s.tempOf(key.String()), []byte("cut sh"), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	// The next one in the directory takes its place,
	rec := until(beginning + 1000)
	rec.Version = 2
	rec.Data = make([]byte, 2*minSlot)
	save(t, s, keys[0], 1, rec)
	if n := len(files(t, s.records.dir)); n != 3 {
		t.Errorf("%d files", n)
	}
	// and so does the sweep.
	sweep(t, s, 0)
	if n := len(files(t, s.records.dir)); n != 2 {
		t.Errorf("%d files", n)
	}
}

// An entry of the owner index without a record, which a killed writer leaves, is
// ignored and removed.
func TestOwnerEntryWithoutRecord(t *testing.T) {
	s, _ := open(t, t.TempDir())
	save(t, s, driver.Key{1}, 0, until(beginning+1000))
	other := until(beginning + 1000)
	other.Owner = "somebody else"
	save(t, s, driver.Key{2}, 0, other)
	for i := range 3 {
		if err := s.owners.add("user:42", driver.Key{byte(i)}.String()); err != nil {
			t.Fatal(err)
		}
	}
	if n := owned(t, s, "user:42"); n != 1 {
		t.Errorf("%d owned", n)
	}
	if n := len(files(t, s.owners.dirs.dir)); n != 2 {
		t.Errorf("%d entries left, want one for each record", n)
	}
	// The same is true after the owner changed and after the record was deleted.
	changed := until(beginning + 1000)
	changed.Owner, changed.Version = "somebody else", 2
	save(t, s, driver.Key{1}, 1, changed)
	if err := s.Delete(t.Context(), driver.Key{2}, 0); err != nil {
		t.Fatal(err)
	}
	if n := len(files(t, s.owners.dirs.dir)); n != 1 || owned(t, s, "user:42") != 0 || owned(t, s, "somebody else") != 1 {
		t.Errorf("%d entries", n)
	}
}
