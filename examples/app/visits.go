package main

import (
	"net/http"

	"github.com/pump-go/sessions"
)

type shopPage struct {
	Visits    int
	Catalogue []Product
}

// shop is the home page. It counts this session's visits.
func (a *app) shop(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	page := shopPage{
		// Update counts every visit, even of concurrent requests.
		Visits:    visits.Update(s, func(n int) int { return n + 1 }),
		Catalogue: catalogue,
	}
	a.render(w, r, http.StatusOK, "shop", "Shop", page)
}
