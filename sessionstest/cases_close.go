package sessionstest

import (
	"errors"
	"runtime"
	"sync"

	"github.com/pump-go/sessions/driver"
)

var closeCases = []testCase{
	{"close-unused", 11, "Close may be called twice.", nil, closeUnused},
	{"close-twice", 11, "Close may be called twice, and at the same time.", nil, closeTwice},
	{"closed", 11, "every call after Close fails with ErrClosed.", nil, closedCalls},
	{"close-with-a-sweeper", 11, "Close ends the store's goroutines.", nil, closeWithSweeper},
}

// shutdownCases are those in which Close meets other calls.
var shutdownCases = []testCase{
	{"close-in-traffic", 11, "Close waits for calls under way; what comes after fails with ErrClosed.", nil, closeInTraffic},
	{"close-in-a-listing", 11, "Close and a listing under way both end.", []Ability{List}, closeInListing},
	{"close-within-a-listing", 11, "a listing is no call under way between two steps: Close does not wait for it.", []Ability{List}, closeWithinListing},
	{"close-waits", 11, "every Close waits for the calls under way, a second one too: nothing lands after it has returned.", []Ability{Share}, closeWaits},
	{"close-one-of-two", 11, "Close releases what its own Open acquired: another store on the same backend goes on.", []Ability{Share}, closeOneOfTwo},
	{"close-writes-out", 4, "what was acknowledged before Close is there after another Open.", []Ability{Reopen}, closeWritesOut},
}

func closeUnused(e *env) {
	s := e.open()
	e.close(s, "Close of a store that was not used")
	e.close(s, "Close, a second time")
}

func closeTwice(e *env) {
	s := e.open()
	e.create(s, e.record("data"))
	e.parallel(3, func(int) { e.close(s, "Close, three times at once") })
	e.close(s, "Close, once more")
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

// work saves and loads at a key of its own until the store is closed, and
// returns the record as it was acknowledged last.
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
		runtime.Gosched() // the one who closes needs a turn
	}
	return key, rec
}

func closeInTraffic(e *env) {
	e.rounds(8, func(int) {
		s := e.open()
		e.closeAmongWork(s)
	})
}

// closeAmongWork closes the store while others work, and returns what they
// had acknowledged.
func (e *env) closeAmongWork(s driver.Store) map[driver.Key]driver.Record {
	const workers = 4
	var busy sync.WaitGroup
	busy.Add(workers)
	var mu sync.Mutex
	recs := map[driver.Key]driver.Record{}
	e.parallel(workers+1, func(i int) {
		if i == workers {
			busy.Wait()
			e.close(s, "Close among calls under way")
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

func closeInListing(e *env) {
	s := e.open()
	l := e.lister(s)
	for range 5 {
		e.create(s, e.record("data"))
	}
	closed := make(chan error, 1)
	first := true
	for entry, err := range l.All(e.ctx) {
		if errors.Is(err, driver.ErrClosed) {
			break // whether a listing under way is finished or ends here is the store's choice
		}
		e.must(err, "All while the store is being closed")
		if first {
			go func() { closed <- e.closed(s) }()
			first = false
		}
		if _, err := s.Load(e.ctx, entry.Key); err != nil && !errors.Is(err, driver.ErrClosed) {
			e.failf("Load in the body of a listing, while the store is being closed, failed: %v", err)
		}
	}
	e.must(<-closed, "Close while a listing was under way")
	_, err := s.Load(e.ctx, newKey())
	e.wants(err, driver.ErrClosed, "Load after Close")
}

func closeWithinListing(e *env) {
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

// closeWaits looks at the records through another store as soon as one of two
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
			e.close(s, "Close, twice at once among calls under way")
			for j, key := range keys {
				seen[i-workers][j] = e.load(other, key, "through another store, after Close").Version
			}
		})
		for j, key := range keys {
			last := e.load(other, key, "through another store, in the end").Version
			for _, at := range seen {
				if at[j] != last {
					e.fatalf("a Save landed after Close had returned")
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
	e.holds(two, key, rec, "from the other store")
	now := next(rec, "replaced")
	e.must(two.Save(e.ctx, key, rec.Version, now), "Save in the other store")
	three := e.open()
	e.holds(three, key, now, "from a third store")
}

func closeWritesOut(e *env) {
	e.rounds(4, func(int) {
		s := e.open()
		recs := e.closeAmongWork(s)
		s = e.open()
		for key, rec := range recs {
			e.holds(s, key, rec, "after Close and another Open")
		}
		e.close(s, "Close")
	})
}
