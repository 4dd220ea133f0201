package sessions_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pump-go/sessions"
)

// Signing in. The id that the client had before is dead from then on, so one
// that was planted is worth nothing, and its data comes along.
func ExampleSession_Renew() {
	const user sessions.Key[string] = "user"
	const cart sessions.Key[[]string] = "cart"
	get, _, stop := serve(sessions.Options{}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/add":
			cart.Update(s, func(goods []string) []string { return append(goods, "tea") })
		case "/login": // the password was checked
			before := s.ID()
			s.Renew()
			s.SetOwner("user:ann")
			user.Set(s, "ann")
			fmt.Fprintln(w, "a new id:", s.ID() != before)
		}
		name, _ := user.Get(s)
		goods, _ := cart.Get(s)
		fmt.Fprintf(w, "%q has %q", name, goods)
	})
	defer stop()
	fmt.Println(get("/add"))
	fmt.Println(get("/login"))
	// Output:
	// "" has ["tea"]
	// a new id: true
	// "ann" has ["tea"]
}

// Signing out. What is set afterwards begins a new session.
func ExampleSession_Destroy() {
	const user sessions.Key[string] = "user"
	get, _, stop := serve(sessions.Options{}, func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/login":
			user.Set(s, "ann")
		case "/logout":
			s.Destroy(r.Context()) // should the store fail, the client gets the error page
			s.AddFlash("You are signed out.")
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		name, ok := user.Get(s)
		fmt.Fprintf(w, "%q %v %q", name, ok, s.Flashes())
	})
	defer stop()
	fmt.Println(get("/login"))
	fmt.Println(get("/logout"))
	// Output:
	// "ann" true []
	// "" false ["You are signed out."]
}

// "Remember me" tells the browser to keep the cookie when it is closed, and the
// server to keep the session when it is not used.
func ExampleSession_SetExpires() {
	signIn := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("user", "ann")
		if r.URL.Query().Get("remember") != "" {
			s.SetExpires(sessions.ExpireAfter(30 * 24 * time.Hour))
			s.SetIdleTimeout(30 * 24 * time.Hour)
		}
	}
	opts := sessions.Options{IdleTimeout: time.Hour, Cookie: sessions.Cookie{Expires: sessions.ExpireWithBrowser()}}
	for _, path := range []string{"/login", "/login?remember=yes"} {
		cookie := request(opts, signIn, path).Cookies()[0]
		fmt.Println(path, cookie.MaxAge/24/60/60, "days")
	}
	// Output:
	// /login 0 days
	// /login?remember=yes 30 days
}

// The list of a user's devices.
func ExampleManager_Owned() {
	const device sessions.Key[string] = "device"
	var m *sessions.Manager
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/login" {
			s.SetOwner("user:ann")
			device.Set(s, "phone")
			return
		}
		for other, err := range m.Owned(r.Context(), s.Owner()) {
			if err != nil {
				fmt.Fprint(w, err)
				return
			}
			name, _ := device.Get(other)
			// The form to sign it out takes other.ID(): see Manager.Find.
			fmt.Fprintf(w, "%s, this one: %v", name, other.ID() == s.ID())
		}
	}
	get, m, stop := serve(sessions.Options{}, handler)
	defer stop()
	get("/login")
	fmt.Println(get("/devices"))
	// Output: phone, this one: true
}

// Signing out one of the devices on the list. Anybody can send any id, so what
// counts is whose session it names.
func ExampleManager_Find() {
	var m *sessions.Manager
	handler := func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/login" {
			s.SetOwner("user:ann")
			s.Set("user", "ann")
			fmt.Fprint(w, s.ID())
			return
		}
		other, err := m.Find(r.Context(), r.FormValue("id"))
		if err != nil || other.Owner() != s.Owner() {
			fmt.Fprint(w, "no such device")
			return
		}
		fmt.Fprint(w, "signed out, error: ", other.Destroy(r.Context()))
	}
	get, m, stop := serve(sessions.Options{}, handler)
	defer stop()
	id := get("/login")
	fmt.Println(get("/sign-out?id=0123"))
	fmt.Println(get("/sign-out?id=" + id))
	// Output:
	// no such device
	// signed out, error: <nil>
}
