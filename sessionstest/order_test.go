package sessionstest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// A general fault is reported by a case about it first, not by one about hostile
// bytes or damage.
func TestFirstFailureIsTheCause(t *testing.T) {
	for _, test := range []struct {
		name  string
		do    func(f *faulty, m *mapStore)
		first string // the beginning of the name of the first case that fails
		rule  int
	}{
		{"a broken Touch", func(f *faulty, m *mapStore) {
			f.touch = func(context.Context, driver.Key, driver.Record) error { return errors.New("syntax error") }
		}, "touch-", 0},
		{"a Touch that forgets the owner", func(f *faulty, m *mapStore) {
			f.touch = touchThen(f, m, func(r *driver.Record) { r.Owner = "" })
		}, "touch-", 0},
		{"calls after Close", func(f *faulty, m *mapStore) {
			f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
				r, err := m.Load(ctx, key)
				if errors.Is(err, driver.ErrClosed) {
					err = errors.New("database is closed")
				}
				return r, err
			}
		}, "closed", 11},
		{"a listing of deleted records", func(f *faulty, m *mapStore) {
			var key driver.Key
			f.save = func(ctx context.Context, k driver.Key, old driver.Version, rec driver.Record) error {
				key = k
				return m.Save(ctx, k, old, rec)
			}
			f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
				return func(yield func(driver.Entry, error) bool) {
					if key != (driver.Key{}) {
						yield(driver.Entry{Key: key}, nil)
					}
				}
			}
		}, "create", 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSuite(brokenHarness(test.do), t.Name())
			for _, c := range cases {
				got := s.run(t, c).failures
				if len(got) == 0 {
					continue
				}
				if !strings.HasPrefix(c.name, test.first) || got[0].rule != test.rule {
					t.Errorf("the first case that fails is %s: %v", c.name, got[0])
				}
				return
			}
			t.Error("no case failed")
		})
	}
}

// A false ErrConflict is reported alone, however many rules it breaks as a
// consequence.
func TestFalseConflictIsTheOnlyFailure(t *testing.T) {
	s := newSuite(brokenHarness(func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old != 0 {
				_ = m.Save(ctx, key, old, rec)
			}
			return m.Save(ctx, key, old, rec)
		}
	}), t.Name())
	got := s.check(t, func(c testCase) bool {
		return strings.HasPrefix(c.name, "replace-") || c.name == "touch-moves-the-times"
	})
	for _, f := range got {
		if f.rule != 2 || !strings.Contains(f.saw, "although it wrote its record") {
			t.Errorf("%s: %v", f.name, f)
		}
	}
	if len(got) == 0 {
		t.Error("no case detected it")
	}
}
