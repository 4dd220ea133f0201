package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
)

type device struct {
	SignIn
	ID       string // the session's public ID
	This     bool
	SignedIn string
	LastUsed string
	Bound    bool // to the device: see -device-bound
	Ends     string
}

type devicesPage struct {
	Devices []device
	Unable  bool // the store cannot list
}

// Others reports whether there are other devices to sign out.
func (p devicesPage) Others() bool { return len(p.Devices) > 1 }

func (a *app) devices(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	l, ok := signIn.Get(s)
	if !ok {
		askToSignIn(w, r, s)
		return
	}
	var page devicesPage
	for other, err := range a.sessions.Owned(r.Context(), l.owner()) {
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			page.Unable = true
		case errors.Is(err, sessions.ErrCorrupt):
			// A damaged record, which cannot open a session. The listing continues.
		case err != nil:
			a.fail(w, r, err)
			return
		default:
			page.Devices = append(page.Devices, a.describe(other, s))
		}
	}
	// Sort this device first, then by latest sign-in: a store lists in no order.
	slices.SortFunc(page.Devices, func(x, y device) int {
		if x.This != y.This {
			if x.This {
				return -1
			}
			return 1
		}
		return y.At.Compare(x.At)
	})
	a.render(w, r, http.StatusOK, "devices", "Your devices", page)
}

// describe returns what the page shows of one of the user's sessions. The public ID
// identifies the one that made the request.
func (a *app) describe(other, this *sessions.Session) device {
	l, _ := signIn.Get(other)
	signedIn := time.Since(l.At)
	d := device{SignIn: l, ID: other.ID(), This: other.ID() == this.ID(), SignedIn: ago(signedIn), LastUsed: "now"}
	// Deadline is when the session ends if the device does not use it again.
	d.Ends = in(time.Until(other.Deadline()))
	_, d.Bound = dbsc.Bound(other)
	if !d.This {
		d.LastUsed = lastUsed(time.Since(other.LastAccessed()), signedIn, limit(a.timeout, l.Remember))
	}
	return d
}

func (a *app) signOutOthers(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	l, ok := signIn.Get(s)
	if !ok {
		askToSignIn(w, r, s)
		return
	}
	// The other devices are anonymous from their next request on. Their requests in
	// progress cannot save their sessions again.
	n, err := a.sessions.DestroyOwned(r.Context(), l.owner(), s)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		notices.Add(s, Notice{Text: "The " + a.store + " store cannot sign out other devices.", Problem: true})
	case err != nil:
		a.fail(w, r, err)
		return
	default:
		a.log.Info("signed out other devices", "session", s.ID(), "count", n)
		notices.Add(s, Notice{Text: signedOut(n)})
	}
	http.Redirect(w, r, "/devices", http.StatusSeeOther)
}

// signOutDevice signs out one device. Its public ID comes from the form, and anybody can
// send any: only the user's own sessions are ended.
func (a *app) signOutDevice(w http.ResponseWriter, r *http.Request) {
	s := sessions.FromContext(r.Context())
	l, ok := signIn.Get(s)
	if !ok {
		askToSignIn(w, r, s)
		return
	}
	if r.PathValue("id") == s.ID() {
		a.signOut(w, r)
		return
	}
	other, err := a.sessions.Find(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		notices.Add(s, Notice{Text: "The " + a.store + " store cannot sign out other devices.", Problem: true})
	case errors.Is(err, sessions.ErrNotFound), err == nil && other.Owner() != l.owner():
		notices.Add(s, Notice{Text: "That device is not signed in any more."})
	case err != nil:
		a.fail(w, r, err)
		return
	default:
		was, _ := signIn.Get(other)
		id := other.ID() // empty after Destroy
		if err := other.Destroy(r.Context()); err != nil {
			a.fail(w, r, err)
			return
		}
		a.log.Info("signed out a device", "session", id, "by", s.ID())
		notices.Add(s, Notice{Text: was.Device + " is signed out."})
	}
	http.Redirect(w, r, "/devices", http.StatusSeeOther)
}

func signedOut(n int) string {
	switch n {
	case 0:
		return "There was no other device to sign out."
	case 1:
		return "One other device is signed out."
	default:
		return fmt.Sprintf("%d other devices are signed out.", n)
	}
}

func askToSignIn(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
	noticeEnded(r, s)
	notices.Add(s, Notice{Text: "Please sign in to see your devices.", Problem: true})
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
