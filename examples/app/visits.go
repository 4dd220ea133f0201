package main

import (
	"net/http"

	"github.com/pump-go/sessions"
)

type shopPage struct {
	Visits    int
	Catalogue []Product
}

// shop is the home page, and counts how often this session has seen it.
func (a *app) shop(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	page := shopPage{
		// Update counts every visit, of parallel requests too.
		Visits:    visits.Update(s, func(n int) int { return n + 1 }),
		Catalogue: catalogue,
	}
	a.render(w, r, http.StatusOK, "shop", "Shop", page)
}
