package site

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ServesThroughRestarts tests that while the server is restarted again and
// again, every answer is a session as it was, a new one, for the server may
// forget, or the error page, and never somebody else's. Between two restarts
// there are as many visits as given.
func ServesThroughRestarts(t *testing.T, shop http.Handler, callers, restarts, visits int, restart func(i int)) {
	t.Helper()
	var stop atomic.Bool
	var served, failed atomic.Int64
	var wg sync.WaitGroup
	for u := range callers {
		wg.Go(func() {
			v := visitor{name: fmt.Sprint("user", u), last: -1, Browser: Browser{Site: shop}}
			for !stop.Load() {
				switch ok, err := v.visit(); {
				case err != nil:
					t.Error(err)
				case ok:
					served.Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	until := func(n int64) {
		for began, from := time.Now(), served.Load(); served.Load() < from+n; time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Error("nothing is served any more")
				return
			}
		}
	}
	for i := range restarts {
		until(int64(visits))
		restart(i)
	}
	until(int64(visits))
	stop.Store(true)
	wg.Wait()
	t.Logf("%d requests served, %d failed", served.Load(), failed.Load())
}

// visitor signs in, and visits for as long as it is known.
type visitor struct {
	Browser
	name string
	last int // visit that it was told of; -1: it is not signed in
}

// visit reports whether the request was served, and returns an error if the answer is
// wrong.
func (v *visitor) visit() (ok bool, err error) {
	if v.last < 0 {
		v.Cookie = ""
		if code, _ := v.Get("/as?" + v.name); code != 200 {
			return false, nil
		}
		v.last = 0
	}
	code, page := v.Get("/visit")
	var n int
	var who string
	_, _ = fmt.Sscanf(page, "%d %s", &n, &who)
	switch {
	case code == http.StatusServiceUnavailable:
		return false, nil // the visit may be stored, its number was not told
	case code == http.StatusConflict:
		v.last = -1
		return false, nil
	case code != 200:
		return false, fmt.Errorf("%d %q", code, page)
	case who == "":
		v.last = -1 // the server lost it
		return false, nil
	case who != v.name:
		return false, fmt.Errorf("%s was given %q", v.name, page)
	case n <= v.last:
		return false, fmt.Errorf("after visit %d came visit %d", v.last, n)
	default:
		v.last = n
		return true, nil
	}
}
