package memory

import (
	"testing"

	"github.com/pump-go/sessions/driver"
)

func owners(t *testing.T, s *store, owner string) map[driver.Key]bool {
	t.Helper()
	keys := map[driver.Key]bool{}
	for e, err := range s.Owned(t.Context(), owner) {
		if err != nil || e.Record.Owner != owner || keys[e.Key] {
			t.Errorf("owner %q: %+v, %v", owner, e, err)
		}
		keys[e.Key] = true
	}
	return keys
}

func TestOwnerIndexMatchesRecords(t *testing.T) {
	s, c := open(t, Options{})
	of := func(owner string, version driver.Version) driver.Record {
		return driver.Record{Owner: owner, Version: version, Expires: 2000}
	}
	a, b, x, none := driver.Key{1}, driver.Key{2}, driver.Key{3, 31: 9}, driver.Key{4}
	save(t, s, a, 0, of("ann", 1))
	save(t, s, b, 0, of("ann", 1))
	save(t, s, x, 0, of("ann\x00", 1))
	save(t, s, none, 0, of("", 1))
	if got := owners(t, s, "ann"); len(got) != 2 || !got[a] || !got[b] {
		t.Errorf("ann owns %v", got)
	}
	if got := owners(t, s, ""); len(got) != 0 {
		t.Errorf("the empty owner owns %v", got)
	}
	save(t, s, b, 1, of("bob", 2))
	save(t, s, a, 1, of("", 2))
	if a, b := len(owners(t, s, "ann")), len(owners(t, s, "bob")); a != 0 || b != 1 {
		t.Errorf("after the change of owner, ann has %d and bob %d", a, b)
	}
	save(t, s, a, 2, of("bob", 3))
	if err := s.Delete(t.Context(), b, 0); err != nil {
		t.Fatal(err)
	}
	if got := owners(t, s, "bob"); len(got) != 1 || !got[a] {
		t.Errorf("bob owns %v", got)
	}
	c.now = 2000
	if got := owners(t, s, "bob"); len(got) != 0 {
		t.Errorf("bob owns the expired %v", got)
	}
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range s.shards {
		if n := len(s.shards[i].byOwner); n != 0 {
			t.Errorf("the index has %d owners without sessions", n)
		}
	}
}

// No lock is held while a session is yielded.
func TestStoreMayChangeWhileListing(t *testing.T) {
	s, _ := open(t, Options{})
	const n = 300
	for i := range n {
		save(t, s, driver.Key{byte(i >> 8), byte(i), 31: byte(i)}, 0, until(2000))
	}
	seen := map[driver.Key]int{}
	for e, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.Key]++; seen[e.Key] > 1 {
			t.Errorf("%v was listed twice", e.Key)
		}
		save(t, s, e.Key, 1, driver.Record{Version: 2, Expires: 3000, Owner: "seen"})
		if len(seen)%2 == 0 {
			if err := s.Delete(t.Context(), e.Key, 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != n || len(owners(t, s, "seen")) != n/2 {
		t.Errorf("%d listed, %d left", len(seen), len(owners(t, s, "seen")))
	}
	for range s.All(t.Context()) {
		break // must not panic
	}
}

func TestListingSkipsWhatChangesDuringIt(t *testing.T) {
	s, _ := open(t, Options{})
	save(t, s, driver.Key{1}, 0, driver.Record{Version: 1, Expires: 2000, Owner: "o"})
	save(t, s, driver.Key{2}, 0, driver.Record{Version: 1, Expires: 2000, Owner: "o"})
	save(t, s, driver.Key{3}, 0, driver.Record{Version: 1, Expires: 2000, Owner: "o"})
	count := 0
	for e := range s.Owned(t.Context(), "o") {
		count++
		for i := range 3 { // delete one of the other two, change the owner of the other
			key := driver.Key{byte(i + 1)}
			if key == e.Key {
				continue
			}
			if i%2 == 0 {
				s.Delete(t.Context(), key, 0)
			} else {
				s.Save(t.Context(), key, 1, driver.Record{Version: 2, Expires: 2000, Owner: "other"})
			}
		}
	}
	if count != 1 {
		t.Errorf("%d listed, want only the first", count)
	}
}
