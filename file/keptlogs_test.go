package file

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// A log that stays open is not written to when it has lost its name: a sweep of
// another process claimed it, or an operator removed it.
func TestKeptLogIsGone(t *testing.T) {
	dir := t.TempDir()
	s, c := open(t, dir)
	other, _ := open(t, dir)
	rec := until(beginning + 1000)
	log := filepath.Join(s.expiry.dir, logName(logAt(rec.Expires, beginning), 0))
	for i, lose := range []func(){
		func() { sweep(t, other, 0) }, // the minute has begun, so it claims the log
		func() {
			if err := os.Remove(log); err != nil {
				t.Fatal(err)
			}
			// What the removed log had is lost.
			if err := os.Remove(s.completePath()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		save(t, s, driver.Key{byte(i), 1}, 0, rec)
		if s.expiry.kept.get(logAt(rec.Expires, beginning), s.tree.trust) == nil && hasModes {
			t.Fatal("the log is not kept")
		}
		lose()
		save(t, s, driver.Key{byte(i), 2}, 0, rec)
		if b, err := os.ReadFile(log); err != nil || len(b) == 0 {
			t.Errorf("%d: the new log has %d bytes, %v", i, len(b), err)
		}
	}
	c.set(beginning + 1000)
	sweep(t, s, 4)
	if left := append(files(t, s.records.dir), logs(t, s)...); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// Sweeps of another store claim the logs to which this one writes at the same time. No
// session is forgotten.
func TestCreateBesideSweeps(t *testing.T) {
	dir := quickDir(t)
	s, c := open(t, dir)
	other, _ := open(t, dir)
	const sessions = 4000
	done := make(chan error)
	for worker := range 2 {
		go func() {
			for i := range sessions / 2 {
				if err := s.Save(ctx, driver.Key{byte(i), byte(i >> 8), byte(worker)}, 0, until(beginning+1000)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	sweeps := 0
	for running := 2; running > 0; {
		select {
		case err := <-done:
			if running--; err != nil {
				t.Error(err)
			}
		default:
			sweep(t, other, 0)
			sweeps++
		}
	}
	c.set(beginning + 1000)
	sweep(t, s, sessions)
	if left := append(files(t, s.records.dir), logs(t, s)...); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
	t.Logf("%d sweeps while %d sessions were created", sweeps, sessions)
}
