package sessionstest

import (
	"context"
	"errors"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

// contextBreakages break contexts and Close.
var contextBreakages = []breakage{
	// Contexts.
	{name: "contexts are ignored", rule: 5, do: func(f *faulty, m *mapStore) {
		f.save = func(_ context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			return m.Save(context.Background(), key, old, rec)
		}
	}},
	{name: "a listing ignores its context", rule: 5, do: func(f *faulty, m *mapStore) {
		f.all = func(context.Context) iter.Seq2[driver.Entry, error] { return m.All(context.Background()) }
	}},
	{name: "an error that does not wrap the context's", rule: 5, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if err := ctx.Err(); err != nil {
				return driver.Record{}, errors.New(err.Error())
			}
			return m.Load(ctx, key)
		}
	}},
	// Close.
	{name: "a second Close hangs", rule: 11, do: func(f *faulty, m *mapStore) {
		closed := make(chan struct{}, 1)
		f.close = func() error { closed <- struct{}{}; return m.Close() }
	}},
	{name: "a second Close is an error", rule: 11, do: func(f *faulty, m *mapStore) {
		var once sync.Once
		f.close = func() error {
			err := os.ErrClosed
			once.Do(func() { err = m.Close() })
			return err
		}
	}},
	{name: "Load works after Close", rule: 11, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if errors.Is(err, driver.ErrClosed) {
				err = driver.ErrNotFound
			}
			return r, err
		}
	}},
	{name: "Close leaves a goroutine", rule: 11, do: func(f *faulty, m *mapStore) {
		forever := make(chan struct{})
		end := sync.OnceFunc(func() { close(forever) })
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			go func() { <-forever }()
			return m.Load(ctx, key)
		}
		f.close = func() error {
			time.AfterFunc(2*time.Second, end) // long after the suite has stopped waiting
			return m.Close()
		}
	}},
	{name: "Close and a listing deadlock", rule: 11, do: func(f *faulty, m *mapStore) {
		var mu sync.RWMutex
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.RLock()
				defer mu.RUnlock()
				for e, err := range m.All(ctx) {
					if !yield(e, err) {
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
		}
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			mu.RLock()
			defer mu.RUnlock()
			return m.Load(ctx, key)
		}
		f.close = func() error {
			mu.Lock()
			defer mu.Unlock()
			return m.Close()
		}
	}},
	{name: "Close fails calls in progress", rule: 11, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if errors.Is(err, driver.ErrClosed) {
				err = errors.New("database is closed")
			}
			return r, err
		}
	}},
	// Contexts that end during a call.
	{name: "Load returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-each-call", says: "Load whose context ended during the call", do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			return r, errors.Join(err, timedOut(ctx, err))
		}
	}},
	{name: "Save returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-each-call", says: "Save with old 0 whose context ended during the call", do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			return errors.Join(err, timedOut(ctx, err))
		}
	}},
	{name: "Touch returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-each-call", says: "Touch whose context ended during the call", do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			err := m.Touch(ctx, key, rec)
			return errors.Join(err, timedOut(ctx, err))
		}
	}},
	{name: "Delete returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-each-call", says: "Delete whose context ended during the call", do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			err := m.Delete(ctx, key, v)
			return errors.Join(err, timedOut(ctx, err))
		}
	}},
	{name: "All returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-a-listing", do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				if ctx.Err() != nil {
					yield(driver.Entry{}, errors.New("i/o timeout"))
					return false
				}
				return yield(e, nil)
			})
		}
	}},
	{name: "Sweep returns an error of its own when its context ends during the call", rule: 5, by: "context-ends-during-each-call", says: "Sweep whose context ended during the call", do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (int, error) {
			n, err := m.Sweep(ctx)
			return n, errors.Join(err, timedOut(ctx, err))
		}
	}},
	{name: "a listing ends without an error when its context ends", rule: 5, by: "context-ends-during-a-listing", says: "and no error", do: func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(m.Owned(ctx, owner), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return ctx.Err() == nil && yield(e, nil)
			})
		}
	}},
	{name: "a call goes on long after its context ended", rule: 5, by: "context-ends-during-each-call", says: "after its context had ended, three times in a row", do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			pause()
			if ctx.Err() != nil {
				time.Sleep(150 * time.Millisecond)
				return ctx.Err()
			}
			return m.Touch(ctx, key, rec)
		}
	}},
	{name: "a second Close returns at once", rule: 11, by: "close-waits", do: func(f *faulty, m *mapStore) {
		var closing atomic.Bool
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if err := m.gate.Enter(); err != nil {
				return err
			}
			defer m.gate.Leave()
			pause()
			return newMapStoreOn(m).Save(ctx, key, old, rec) // with its own gate
		}
		f.close = func() error {
			if closing.Swap(true) {
				return nil
			}
			return m.Close()
		}
	}},
	{name: "Close waits for a listing between two steps", rule: 11, by: "close-in-a-listing-body", says: "Close did not return", do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				if err := m.gate.Enter(); err != nil {
					yield(driver.Entry{}, err)
					return
				}
				defer m.gate.Leave()
				for e, err := range m.All(ctx) {
					if !yield(e, err) {
						return
					}
				}
			}
		}
	}},
}

// timedOut returns a client's own error for a call that succeeded although its
// context has ended.
func timedOut(ctx context.Context, err error) error {
	if err == nil && ctx.Err() != nil {
		return errors.New("i/o timeout")
	}
	return nil
}

// newMapStoreOn returns another store on m's records.
func newMapStoreOn(m *mapStore) *mapStore {
	return &mapStore{namespace: m.namespace, now: m.now, do: m.do}
}
