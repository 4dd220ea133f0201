package dbm

import (
	"testing"

	"github.com/pump-go/sessions/driver"
)

// A save with the same expiry and owner does not write the indexes. A touch does not
// write the owner index.
func TestUnchangedIndexesAreNotWritten(t *testing.T) {
	s := opened(t, t.TempDir())
	must(t, fill(s, 300)) // enough that each bucket has pages of its own
	roots := func() (expires, owners uint64) {
		must(t, s.view(background, func(b buckets) error {
			expires, owners = uint64(b.in(b.expires).Root()), uint64(b.in(b.owners).Root())
			return nil
		}))
		return expires, owners
	}
	expires, owners := roots()
	for n := range 20 {
		rec, err := s.Load(background, keyOf(n))
		must(t, err)
		next := recordOf(n, rec.Owner)
		next.Expires = rec.Expires
		must(t, s.Save(background, keyOf(n), rec.Version, next))
	}
	if e, o := roots(); e != expires || o != owners {
		t.Error("saves with the same expiry and owner wrote the indexes")
	}
	rec, err := s.Load(background, keyOf(0))
	must(t, err)
	rec.Expires += 1000
	must(t, s.Touch(background, keyOf(0), rec))
	e, o := roots()
	if e == expires || o != owners {
		t.Error("a touch must write the expiry index, and not the owner index")
	}
	must(t, s.Save(background, keyOf(0), rec.Version, func() driver.Record {
		next := recordOf(0, "another")
		next.Expires = rec.Expires
		return next
	}()))
	if e2, o2 := roots(); e2 != e || o2 == o {
		t.Error("a change of the owner must write the owner index, and not the expiry index")
	}
	checkFile(t, s)
}

func TestExpiresAreInOrder(t *testing.T) {
	last := ""
	for _, m := range []driver.Millis{-1 << 63, -1, 0, 1, 255, 256, 1 << 40, 1<<63 - 1} {
		k := string(expiresKey(m, keyOf(1)))
		if got, key := splitExpires([]byte(k)); got != m || key != keyOf(1) {
			t.Errorf("%d was read as %d", m, got)
		}
		if k <= last {
			t.Errorf("%d is not after the one before", m)
		}
		last = k
	}
}

func TestNamespacesHaveDifferentBuckets(t *testing.T) {
	seen := map[string]bool{}
	for _, ns := range []string{"", "a", "records", "expires", "a.records"} {
		n := namesOf(ns)
		for _, name := range [][]byte{n.records, n.expires, n.owners} {
			if seen[string(name)] {
				t.Errorf("two buckets are named %q", name)
			}
			seen[string(name)] = true
		}
	}
}

// The sweep does not remove a session that was saved again after the sweep found it
// expired.
func TestSweepChecksAgain(t *testing.T) {
	s := opened(t, t.TempDir())
	rec := recordOf(0, "user")
	rec.Expires = 5
	must(t, s.Save(background, keyOf(0), 0, rec))
	due, err := s.due(background, nil)
	must(t, err)
	must(t, s.Save(background, keyOf(0), 0, recordOf(1, "user")))
	if n, err := s.remove(background, due); n != 0 || err != nil || len(due) != 1 {
		t.Errorf("removed %d of %d (%v)", n, len(due), err)
	}
	if n := checkFile(t, s); n != 1 {
		t.Error("a session that was saved again was removed")
	}
}

func TestSweepWithoutExpiredSessionsDoesNotWrite(t *testing.T) {
	s := opened(t, t.TempDir())
	must(t, fill(s, 3))
	lastTx := func() (id int) {
		must(t, s.view(background, func(b buckets) error {
			id = b.tx.ID()
			return nil
		}))
		return id
	}
	before := lastTx()
	if n, err := s.Sweep(background); n != 0 || err != nil {
		t.Errorf("Sweep removed %d (%v)", n, err)
	}
	if lastTx() != before {
		t.Error("the file was written to")
	}
}
