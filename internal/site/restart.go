package site

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ServesThroughRestarts restarts the server under load, with the given number of visits
// between restarts. It tests that each response has the client's own session in its last
// state, or a new session, since a restart may lose it, or is the error page.
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

// visitor is a client that signs in, and again when its session is lost.
type visitor struct {
	Browser
	name string
	last int // the number of the last visit, or -1 if not signed in
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
		return false, nil // the visit may have been stored
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
