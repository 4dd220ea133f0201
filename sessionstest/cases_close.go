package sessionstest

import (
	"errors"
	"runtime"
	"sync"

	"github.com/pump-go/sessions/driver"
)

var closeCases = []testCase{
	{"close-unused", 11, "Close may be called twice.", nil, closeUnused},
	{"close-twice", 11, "Close may be called several times, also concurrently.", nil, closeTwice},
	{"closed", 11, "every call after Close fails with ErrClosed.", nil, closedCalls},
	{"close-with-a-sweeper", 11, "Close ends the store's goroutines.", nil, closeWithSweeper},
}

// shutdownCases call Close during other calls.
var shutdownCases = []testCase{
	{"close-during-calls", 11, "Close waits for calls in progress; later calls fail with ErrClosed.", nil, closeDuringCalls},
	{"close-during-a-listing", 11, "when Close is called during a listing, both return.", []Ability{List}, closeDuringListing},
	{"close-in-a-listing-body", 11, "between two steps a listing is not a call in progress, so Close does not wait for it.", []Ability{List}, closeInListingBody},
	{"close-waits", 11, "every Close, including a second one, waits for the calls in progress: nothing is written after it returns.", []Ability{Share}, closeWaits},
	{"close-one-of-two", 11, "Close releases only what its own Open acquired: other stores on the same backend keep working.", []Ability{Share}, closeOneOfTwo},
	{"close-flushes", 4, "what was acknowledged before Close can be loaded after the store is reopened.", []Ability{Reopen}, closeFlushes},
}

func closeUnused(e *env) {
	s := e.open()
	e.close(s, "Close of an unused store")
	e.close(s, "a second Close")
}

func closeTwice(e *env) {
	s := e.open()
	e.create(s, e.record("data"))
	e.parallel(3, func(int) { e.close(s, "one of three concurrent Closes") })
	e.close(s, "another Close")
}

func closedCalls(e *env) {
	s := e.open()
	rec := e.owned("user:42", "data")
	key := e.create(s, rec)
	calls := e.calls(s, key, newKey(), rec)
	e.close(s, "Close")
	for _, c := range calls {
		e.wants(c.do(e.ctx), driver.ErrClosed, c.name+" after Close")
	}
}

func closeWithSweeper(e *env) {
	for range 3 {
		s := e.open(func(c *driver.Config) { c.SweepInterval = 1 })
		e.create(s, e.record("data"))
		e.close(s, "Close of a store that removes expired records")
	}
	s := e.open(func(c *driver.Config) { c.SweepInterval = 0 }) // the store's default
	e.close(s, "Close of a store that removes expired records")
}

// work saves and loads at its own key until the store is closed, and returns
// the last acknowledged record.
func (e *env) work(s driver.Store, ready func()) (driver.Key, driver.Record) {
	key, rec := newKey(), driver.Record{}
	for n := 0; !e.failed(); n++ {
		now := next(e.record(""), "data")
		err := s.Save(e.ctx, key, rec.Version, now)
		if err == nil {
			rec = now
			_, err = s.Load(e.ctx, key)
		}
		if errors.Is(err, driver.ErrClosed) {
			break
		}
		e.must(err, "a call while the store is being closed")
		if n == 2 {
			ready()
		}
		runtime.Gosched() // let the closing goroutine run
	}
	return key, rec
}

func closeDuringCalls(e *env) {
	e.rounds(8, func(int) {
		s := e.open()
		e.closeDuringWork(s)
	})
}

// closeDuringWork closes the store while other goroutines use it, and returns
// their last acknowledged records.
func (e *env) closeDuringWork(s driver.Store) map[driver.Key]driver.Record {
	const workers = 4
	var busy sync.WaitGroup
	busy.Add(workers)
	var mu sync.Mutex
	recs := map[driver.Key]driver.Record{}
	e.parallel(workers+1, func(i int) {
		if i == workers {
			busy.Wait()
			e.close(s, "Close with calls in progress")
			return
		}
		ready := sync.OnceFunc(busy.Done)
		defer ready()
		key, rec := e.work(s, ready)
		mu.Lock()
		defer mu.Unlock()
		recs[key] = rec
	})
	return recs
}

func closeDuringListing(e *env) {
	s := e.open()
	l := e.lister(s)
	for range 5 {
		e.create(s, e.record("data"))
	}
	closed := make(chan error, 1)
	first := true
	for entry, err := range l.All(e.ctx) {
		if errors.Is(err, driver.ErrClosed) {
			break // a listing in progress may finish or end here
		}
		e.must(err, "All while the store is being closed")
		if first {
			go func() { closed <- e.closeStore(s) }()
			first = false
		}
		if _, err := s.Load(e.ctx, entry.Key); err != nil && !errors.Is(err, driver.ErrClosed) {
			e.failf("Load in the body of a listing, while the store is being closed, failed: %v", err)
		}
	}
	e.must(<-closed, "Close during a listing")
	_, err := s.Load(e.ctx, newKey())
	e.wants(err, driver.ErrClosed, "Load after Close")
}

func closeInListingBody(e *env) {
	s := e.open()
	l := e.lister(s)
	e.fill(s, 20, func(int) driver.Record { return e.record("data") })
	closed := false
	for _, err := range l.All(e.ctx) {
		if closed && errors.Is(err, driver.ErrClosed) {
			break
		}
		e.must(err, "All")
		if !closed {
			e.close(s, "Close in the body of a listing")
			closed = true
		}
	}
	_, err := s.Load(e.ctx, newKey())
	e.wants(err, driver.ErrClosed, "Load after Close")
}

// closeWaits reads the records through another store as soon as one of two
// Closes has returned. Nothing may change after that.
func closeWaits(e *env) {
	other := e.open()
	e.rounds(8, func(int) {
		s := e.open()
		const workers, closers = 4, 2
		keys := make([]driver.Key, workers)
		recs := make([]driver.Record, workers)
		for i := range keys {
			recs[i] = e.record("before")
			keys[i] = e.create(s, recs[i])
		}
		var busy sync.WaitGroup
		busy.Add(workers)
		var seen [closers][workers]driver.Version
		e.parallel(workers+closers, func(i int) {
			if i < workers {
				ready := sync.OnceFunc(busy.Done)
				defer ready()
				for n := 0; !e.failed(); n++ {
					now := next(recs[i], "data")
					err := s.Save(e.ctx, keys[i], recs[i].Version, now)
					if errors.Is(err, driver.ErrClosed) {
						return
					}
					e.must(err, "Save while the store is being closed")
					recs[i] = now
					if n == 2 {
						ready()
					}
					runtime.Gosched()
				}
				return
			}
			busy.Wait()
			e.close(s, "one of two concurrent Closes with calls in progress")
			for j, key := range keys {
				seen[i-workers][j] = e.load(other, key, "through another store, after Close").Version
			}
		})
		for j, key := range keys {
			last := e.load(other, key, "through another store, at the end").Version
			for _, at := range seen {
				if at[j] != last {
					e.fatalf("a Save took effect after Close had returned")
				}
			}
		}
	})
}

func closeOneOfTwo(e *env) {
	one, two := e.open(), e.open()
	rec := e.record("data")
	key := e.create(one, rec)
	e.close(one, "Close of one of two stores")
	e.holds(two, key, rec, "through the other store")
	now := next(rec, "replaced")
	e.must(two.Save(e.ctx, key, rec.Version, now), "Save through the other store")
	three := e.open()
	e.holds(three, key, now, "through a third store")
}

func closeFlushes(e *env) {
	e.rounds(4, func(int) {
		s := e.open()
		recs := e.closeDuringWork(s)
		s = e.open()
		for key, rec := range recs {
			e.holds(s, key, rec, "after the store was reopened")
		}
		e.close(s, "Close")
	})
}
