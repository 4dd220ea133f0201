//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/pump-go/sessions"
)

// listed is one session of a listing.
type listed struct {
	ID, Mark, Owner string
	Err             string
}

// control adds the endpoints that the parent process uses.
func (h *host) control(mux *http.ServeMux) {
	number := func(do func(n int64) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
			if err == nil {
				err = do(n)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	}
	// Shift the clock by n ms.
	mux.HandleFunc("/control/clock", number(func(n int64) error { h.skew.Store(n); return nil }))
	// Make the store's calls fail if n is 1.
	mux.HandleFunc("/control/down", number(func(n int64) error { h.down.Store(n == 1); return nil }))
	// Limit the file size to n bytes, or remove the limit if n is negative.
	mux.HandleFunc("/control/filesize", number(func(n int64) error {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		limit.Cur = limit.Max
		if n >= 0 {
			limit.Cur = uint64(n)
		}
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}))
	// Fail while the store is unreachable. No session has the ID.
	mux.HandleFunc("/control/reach", func(w http.ResponseWriter, r *http.Request) {
		nobody := strings.Repeat("0", 64)
		if _, err := h.manager.Find(r.Context(), nobody); !errors.Is(err, sessions.ErrNotFound) {
			http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/control/sweep", func(w http.ResponseWriter, r *http.Request) {
		n, err := h.manager.Sweep(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(n)
	})
	mux.HandleFunc("/control/list", func(w http.ResponseWriter, r *http.Request) {
		all := []listed{}
		for s, err := range h.manager.All(r.Context()) {
			if err != nil {
				all = append(all, listed{Err: err.Error()})
				continue
			}
			mark, _ := markKey.Get(s)
			all = append(all, listed{ID: s.ID(), Mark: mark, Owner: s.Owner()})
		}
		_ = json.NewEncoder(w).Encode(all)
	})
}
