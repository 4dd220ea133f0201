package explorer

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// faultyStore stands between a Manager and the store and gets its calls wrong, as
// a Manager would that gets its own calls wrong.
type faultyStore struct {
	driver.Store
	save   func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error
	touch  func(s driver.Store, ctx context.Context, key driver.Key, rec driver.Record) error
	delete func(s driver.Store, ctx context.Context, key driver.Key, version driver.Version) error
	renew  renewFault
}

// renewFault performs a Renew, of a session at from as one at to.
type renewFault func(s renewerStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error

type renewerStore interface {
	driver.Store
	driver.Renewer
}

// faultyRenewer is a faultyStore that is a driver.Renewer.
type faultyRenewer struct{ faultyStore }

func (f faultyRenewer) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	return f.renew(f.Store.(renewerStore), ctx, driver.Entry{Key: oldKey, Record: forward}, old, driver.Entry{Key: key, Record: rec})
}

func (f faultyStore) Unwrap() driver.Store { return f.Store }

func (f faultyStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if f.save == nil {
		return f.Store.Save(ctx, key, old, rec)
	}
	return f.save(f.Store, ctx, key, old, rec)
}

func (f faultyStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if f.touch == nil {
		return f.Store.Touch(ctx, key, rec)
	}
	return f.touch(f.Store, ctx, key, rec)
}

func (f faultyStore) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	if f.delete == nil {
		return f.Store.Delete(ctx, key, version)
	}
	return f.delete(f.Store, ctx, key, version)
}

// forwards returns a fault of the writes of forwards.
func forwards(write func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error) faultyStore {
	return faultyStore{save: func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
		if kindOf(rec) != forward {
			return s.Save(ctx, key, old, rec)
		}
		return write(s, ctx, key, old, rec)
	}}
}

// storeFaults are planted in the calls that reach the store.
var storeFaults = []struct {
	name  string
	ops   string // the pair of operations that shows it
	rule  rule   // that it breaks
	fault faultyStore
}{
	{"a retry without the version", "update+update", miscount, faultyStore{
		save: func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := s.Save(ctx, key, old, rec)
			if errors.Is(err, driver.ErrConflict) && old != 0 {
				if now, err := s.Load(ctx, key); err == nil && kindOf(now) == session {
					return s.Save(ctx, key, now.Version, rec)
				}
			}
			return err
		}}},
	{"a write without an answer counts as not done", "read+update", miscount, faultyStore{
		save: func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := s.Save(ctx, key, old, rec)
			if errors.Is(err, errLost) && old != 0 {
				return driver.ErrConflict
			}
			return err
		}}},
	{"a write without an answer counts as done", "read+set", lostChange, faultyStore{
		save: func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if err := s.Save(ctx, key, old, rec); !errors.Is(err, errLost) {
				return err
			}
			return nil
		}}},
	{"a Destroy gives up after a lost answer", "read+destroy", revived, faultyStore{
		delete: func(s driver.Store, ctx context.Context, key driver.Key, version driver.Version) error {
			if err := s.Delete(ctx, key, version); !errors.Is(err, errLost) {
				return err
			}
			return nil
		}}},
	{"a Destroy gives up after a conflict", "set+read-destroy", revived, faultyStore{
		delete: func(s driver.Store, ctx context.Context, key driver.Key, version driver.Version) error {
			if err := s.Delete(ctx, key, version); !errors.Is(err, driver.ErrConflict) {
				return err
			}
			return nil
		}}},
	{"the record of an access brings a destroyed session back", "read+destroy", revived, faultyStore{
		touch: func(s driver.Store, ctx context.Context, key driver.Key, rec driver.Record) error {
			err := s.Touch(ctx, key, rec)
			if errors.Is(err, driver.ErrConflict) {
				return s.Save(ctx, key, 0, rec)
			}
			return err
		}}},
	{"a renewal removes the old record and leaves no forward", "set+renew", takeaway, forwards(
		func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, _ driver.Record) error {
			return s.Delete(ctx, key, old)
		})},
	{"a renewal leaves the old record", "read+renew", oldIDOpens, forwards(
		func(driver.Store, context.Context, driver.Key, driver.Version, driver.Record) error { return nil })},
	{"Invalidate does not look again after a conflict", "set+invalidate", revived, forwards(
		func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if err := s.Save(ctx, key, old, rec); !errors.Is(err, driver.ErrConflict) {
				return err
			}
			return nil
		})},
	{"a forward expires at once", "set+renew", takeaway, forwards(
		func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			rec.Expires = rec.Accessed
			return s.Save(ctx, key, old, rec)
		})},
	{"a forward leads nowhere", "renew+destroy", lateSignOut, forwards(
		func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			rec.Data = slices.Clone(rec.Data)
			rec.Data[1]++ // the first byte of a key
			return s.Save(ctx, key, old, rec)
		})},
	{"a forward has no owner", "renew+destroy-owned", ownedMisses, forwards(
		func(s driver.Store, ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			rec.Owner = ""
			return s.Save(ctx, key, old, rec)
		})},
}

// renewFaults are planted in Renew.
var renewFaults = []struct {
	name  string
	ops   string
	rule  rule
	fault renewFault
}{
	{"a Renew writes the new record alone", "read+renew", oldIDOpens,
		func(s renewerStore, ctx context.Context, _ driver.Entry, _ driver.Version, to driver.Entry) error {
			return s.Save(ctx, to.Key, 0, to.Record)
		}},
	{"a Renew writes the forward alone", "read+renew", deadCookie,
		func(s renewerStore, ctx context.Context, from driver.Entry, old driver.Version, _ driver.Entry) error {
			return s.Save(ctx, from.Key, old, from.Record)
		}},
	{"a Renew without the old version", "set+renew", lostChange,
		func(s renewerStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if now, err := s.Load(ctx, from.Key); err == nil && kindOf(now) == session {
				old = now.Version
			}
			return s.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		}},
	{"a Renew brings a destroyed session back", "renew+destroy", lateSignOut,
		func(s renewerStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			err := s.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
			if errors.Is(err, driver.ErrConflict) {
				return s.Save(ctx, to.Key, 0, to.Record)
			}
			return err
		}},
	{"a Renew without an answer counts as done", "read+renew", deadCookie,
		func(s renewerStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if err := s.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record); !errors.Is(err, errLost) {
				return err
			}
			return nil
		}},
}

func TestFindsFaultsOfRenew(t *testing.T) {
	for _, f := range renewFaults {
		t.Run(f.name, func(t *testing.T) {
			for _, apart := range []bool{false, true} {
				findsFault(t, f.rule, scenario{ops: operationsOf(f.ops), apart: apart, renewer: true, wrap: func(s driver.Store) driver.Store {
					return faultyRenewer{faultyStore{Store: s, renew: f.fault}}
				}})
			}
		})
	}
}

func TestFindsFaultsOfTheStoreCalls(t *testing.T) {
	for _, f := range storeFaults {
		t.Run(f.name, func(t *testing.T) {
			for _, apart := range []bool{false, true} {
				sc := scenario{ops: operationsOf(f.ops), apart: apart, wrap: func(s driver.Store) driver.Store {
					fault := f.fault
					fault.Store = s
					return fault
				}}
				findsFault(t, f.rule, sc)
			}
		})
	}
}

// findsFault checks that a run of the scenario, whose store has a fault, breaks the rule.
func findsFault(t *testing.T, broken rule, sc scenario) {
	t.Helper()
	bubble(t, func() {
		var shown *run
		runs := sc.all(func(r *run) bool {
			if slices.ContainsFunc(r.faults, func(got fault) bool { return got.rule == broken }) {
				shown = r
			}
			return shown == nil
		})
		if shown == nil {
			t.Fatalf("%v: not found in %d runs", sc, runs)
		}
		again, err := replay(shown.code(), sc.wrap)
		if err != nil || again.report() != shown.report() {
			t.Errorf("the replay differs: %v\n%s\ninstead of\n%s", err, again.report(), shown.report())
		}
		t.Logf("found in run %d:\n%s", runs, shown.report())
	})
}

// managerFaults are planted in the manager's source.
var managerFaults = []struct {
	name      string
	ops       string
	rule      rule
	file      string
	from, new string
}{
	{"a merge forgets a change", "set+set", lostChange, "commit.go",
		"view.Adopt(&s.view)\n\tfor _, ch := range s.changes {", "view.Adopt(&s.view)\n\tfor _, ch := range s.changes[1:] {"},
	{"a cookie is set for a renewal that failed", "set+renew", refusedSets, "commit.go",
		"eventRenewed, s.id.key, old)\n\t\t\treturn nil\n\t\tdefault:\n", "eventRenewed, s.id.key, old)\n\t\t\treturn nil\n\t\tdefault:\n\t\t\ts.saved(rec)\n"},
	{"a value that another request has popped is popped again", "pop+pop", doublePop, "internal/content/change.go",
		`return fmt.Errorf("pop %q: taken by another request: %w", ch.Name, driver.ErrConflict)`, "return nil"},
	{"after a lost answer and another's write, an update is applied again", "update+update", miscount, "outcome.go",
		`return fmt.Errorf("%w, and another request has changed the session since: %w", errUnknown, unsure)`, "return ErrConflict"},
	{"Destroy does not follow a forward", "read+late-destroy", lateSignOut, "forward.go",
		"case isForward:\n\t\t\t\tkey = f.to\n", "case isForward:\n\t\t\t\treturn f.to, false, nil\n"},
	{"DestroyOwned does not look again after a conflict", "set+destroy-owned", revived, "owners.go",
		"if !errors.Is(err, ErrConflict) {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\tif err := entry.Retry(bounded)",
		"if !errors.Is(err, ErrConflict) {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\tif true { return nil }\n\t\t\tif err := entry.Retry(bounded)"},
	{"DestroyOwned does not look at the excepted session again", "renew+destroy-others", exceptMisses, "owners.go",
		"if e.created != created {", "if true {"},
	{"DestroyOwned does not stop a renewal of the excepted session", "renew+destroy-others", exceptMisses, "owners.go",
		"err = d.m.write(ctx, end, rec.Version, next)", "_, err = end, nil"},
	{"an insert without an answer is sent again under the same ID", "renew+destroy-owned", ownedMisses, "outcome.go",
		`return fmt.Errorf("%w: %w", errNotStored, unsure)`, ""},
	{"a Renew without an answer, and another's write, count as a renewal", "set+renew", deadCookie, "outcome.go",
		"case err == nil && asForward(rec) != nil:\n\t\t\treturn ErrConflict", "case err == nil && asForward(rec) != nil:\n\t\t\treturn nil"},
	{"a late request begins a session of its own", "set+renew", takeaway, "load.go",
		"s.lateness = late\n", ""},
}

// TestFindsFaultsOfTheManager builds this package with a changed file of the
// module, and runs a pair.
func TestFindsFaultsOfTheManager(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the module for each fault")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range managerFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			path, dir := filepath.Join(root, filepath.FromSlash(f.file)), t.TempDir()
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(source), f.from) != 1 {
				t.Fatalf("%s does not contain once:\n%s", f.file, f.from)
			}
			changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(
				os.WriteFile(changed, []byte(strings.Replace(string(source), f.from, f.new, 1)), 0o600),
				os.WriteFile(overlay, replace, 0o600),
			); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay,
				"-run", "^TestPairs$/^all$/:"+strings.ReplaceAll(f.ops, "+", `\+`)+"$", ".").CombinedOutput()
			if err == nil || !strings.Contains(string(out), string(f.rule)) {
				t.Errorf("not found: %v\n%s", err, out)
			}
		})
	}
}
