//go:build unix

package redis_test

import (
	"testing"

	"github.com/pump-go/sessions/driver"
)

// The entry of a record that is about to expire is extended for the forward, and must
// not be removed as one that was replaced.
func TestForwardThatOutlivesItsSessionIsOwned(t *testing.T) {
	s := open(t, singleURL(t), func(c *driver.Config) { c.Namespace = t.Name() })
	oldKey, key := driver.Key{1}, driver.Key{2}
	old, rec := record(1, "user:42", "data"), record(3, "user:42", "data")
	old.Expires = old.Accessed + 10_000
	if err := s.Save(t.Context(), oldKey, 0, old); err != nil {
		t.Fatal(err)
	}
	forward, err := s.Load(t.Context(), oldKey)
	if err != nil {
		t.Fatal(err)
	}
	forward.Version, forward.Expires = 2, old.Accessed+120_000
	if err := s.(driver.Renewer).Renew(t.Context(), oldKey, 1, forward, key, rec); err != nil {
		t.Fatal(err)
	}
	got := make(map[driver.Key]driver.Version)
	for e, err := range s.(driver.Owners).Owned(t.Context(), "user:42") {
		if err != nil {
			t.Fatal(err)
		}
		got[e.Key] = e.Record.Version
	}
	if len(got) != 2 || got[oldKey] != 2 || got[key] != 3 {
		t.Errorf("Owned: got the versions %v, want both records", got)
	}
}
