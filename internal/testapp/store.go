package testapp

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/memory"
)

// Store is a driver whose store counts its calls and makes them fail on demand.
// All managers that open it share one store, unless its sessions are with the
// clients.
//
// The kinds of calls are named for the driver's methods: Load, Save, Renew, Touch,
// Delete, Owned and Seal. Other methods are neither counted nor made to fail.
type Store struct {
	driver driver.Driver

	mu      sync.Mutex
	inner   driver.Store // nil until it is opened
	recent  []string     // the kinds of call since Calls or Since
	total   map[string]int
	next    map[string][]Fault // by kind of call
	rule    func(kind string) Fault
	hooks   map[string]func(context.Context) error
	delayed map[string]func() error // by kind of call
	hides   bool                    // the store's driver.Renewer
}

// NewStore returns a Store on the driver's store. If d is nil, it is a memory
// store.
func NewStore(d driver.Driver) *Store {
	if d == nil {
		d = memory.New(memory.Options{})
	}
	return &Store{
		driver: d, total: make(map[string]int), next: make(map[string][]Fault),
		hooks: make(map[string]func(context.Context) error), delayed: make(map[string]func() error),
	}
}

// HideRenewer makes the store one that is no driver.Renewer.
func (f *Store) HideRenewer() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hides = true
}

func (f *Store) hidesRenewer() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hides
}

// Driver returns the driver below, for a store of its own.
func (f *Store) Driver() driver.Driver { return f.driver }

// Open implements [driver.Driver].
func (f *Store) Open(ctx context.Context, cfg driver.Config) (driver.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inner != nil {
		return f.wrap(f.inner), nil
	}
	inner, err := f.driver.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, ok := inner.(driver.Sealer); !ok {
		f.inner = inner
	}
	return f.wrap(inner), nil
}

// Shut closes the store itself. Closing a manager leaves it open for the others.
func (f *Store) Shut() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inner == nil {
		return nil
	}
	return f.inner.Close()
}

// Inner returns the store below, for calls that are not counted. It is nil if the
// sessions are with the clients, or if no manager has opened the store yet.
func (f *Store) Inner() driver.Store {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inner
}

// Calls returns the kinds of calls since Calls or Since was called last, in order
// and separated by spaces.
func (f *Store) Calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := strings.Join(f.recent, " ")
	f.recent = nil
	return calls
}

// Since returns the number of calls of the kinds since Calls or Since was called
// last.
func (f *Store) Since(kinds ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, kind := range f.recent {
		if slices.Contains(kinds, kind) {
			n++
		}
	}
	f.recent = nil
	return n
}

// Total returns the number of calls of the kinds, or of all without any, since
// the store was made.
func (f *Store) Total(kinds ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for kind, calls := range f.total {
		if len(kinds) == 0 || slices.Contains(kinds, kind) {
			n += calls
		}
	}
	return n
}

// Listable reports whether the store can list its records.
func (f *Store) Listable() bool {
	_, ok := f.Inner().(driver.Lister)
	return ok
}

// Records returns the sessions that are stored, without forwards; nothing if the
// store cannot list its records.
func (f *Store) Records(t testing.TB) []driver.Entry {
	t.Helper()
	return slices.DeleteFunc(f.all(t), isForward)
}

// Forwards returns what renewed sessions have left under their old IDs.
func (f *Store) Forwards(t testing.TB) []driver.Entry {
	t.Helper()
	return slices.DeleteFunc(f.all(t), func(e driver.Entry) bool { return !isForward(e) })
}

func isForward(e driver.Entry) bool {
	_, ok := content.ParseForward(e.Record.Data)
	return ok
}

func (f *Store) all(t testing.TB) []driver.Entry {
	t.Helper()
	lister, ok := f.Inner().(driver.Lister)
	if !ok {
		return nil
	}
	var all []driver.Entry
	for e, err := range lister.All(context.Background()) {
		if err != nil {
			t.Error(err) // handlers call this too, where Fatal is not allowed
			continue
		}
		all = append(all, e)
	}
	return all
}

// RecordsByKey returns what is stored.
func (f *Store) RecordsByKey(t testing.TB) map[driver.Key]driver.Record {
	t.Helper()
	records := make(map[driver.Key]driver.Record)
	for _, e := range f.Records(t) {
		records[e.Key] = e.Record
	}
	return records
}

// Record returns the only record that is stored.
func (f *Store) Record(t testing.TB) driver.Entry {
	t.Helper()
	all := f.Records(t)
	if len(all) != 1 {
		t.Fatalf("got %d records, want 1", len(all))
	}
	return all[0]
}

// RecordOf returns the record of the client's session.
func (f *Store) RecordOf(t testing.TB, c *Client) driver.Entry {
	t.Helper()
	s, err := c.app.Manager.Load(context.Background(), c.Token())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.Records(t) {
		if e.Key.String() == s.ID() {
			return e
		}
	}
	t.Fatal("no record")
	return driver.Entry{}
}

// Put stores a record in place of any at the key. The call is not counted.
func (f *Store) Put(t testing.TB, key driver.Key, rec driver.Record) {
	t.Helper()
	ctx := context.Background()
	if err := f.Inner().Delete(ctx, key, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Inner().Save(ctx, key, 0, rec); err != nil {
		t.Fatal(err)
	}
}
