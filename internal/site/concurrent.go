package site

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// CountsExactly tests that no visit is lost if concurrent callers, spread over the
// sites, use one session.
func CountsExactly(t *testing.T, sites []http.Handler, callers, each int) {
	t.Helper()
	b := &Browser{Site: sites[0]}
	b.Wants(t, "/visit", "1 ")
	var wg sync.WaitGroup
	for i := range callers {
		mine := *b
		mine.Site = sites[i%len(sites)]
		wg.Go(func() {
			for range each {
				if code, page := mine.Get("/visit"); code != 200 {
					t.Errorf("%d %s", code, page)
				}
			}
		})
	}
	wg.Wait()
	b.Wants(t, "/", fmt.Sprintf("%d ", 1+callers*each))
}

// SigningOutWins tests that a sign-out is final, whatever concurrent or later requests
// use the session, on either site.
func SigningOutWins(t *testing.T, one, two http.Handler, rounds, callers, each int) {
	t.Helper()
	for range rounds {
		b := &Browser{Site: one}
		b.Wants(t, "/visit", "1 ")
		var wg sync.WaitGroup
		for i := range callers {
			mine := *b
			if i%2 == 1 {
				mine.Site = two
			}
			wg.Go(func() {
				for range each {
					old := mine.Cookie
					code, page := mine.Get("/visit")
					if code != 200 && code != http.StatusConflict {
						t.Errorf("%d %s", code, page)
					}
					mine.Cookie = old // keep using the signed-out session
				}
			})
		}
		out := *b
		if code, page := out.Get("/out"); code != 200 {
			t.Errorf("signing out: %d %s", code, page)
		}
		after := *b
		after.Site = two
		after.Wants(t, "/", "0 ")
		wg.Wait()
		after = *b
		after.Wants(t, "/", "0 ")
	}
}
