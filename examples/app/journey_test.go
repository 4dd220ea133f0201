package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"
)

func TestTwoDevices(t *testing.T) {
	server := start(t)
	one, two := newBrowser(t, server.URL, firefox), newBrowser(t, server.URL, safari)

	expect(t, one.get("/"), "first visit", "Sign in")
	expect(t, one.get("/"), "<strong>2</strong> times")
	expect(t, one.post("/cart/mini/add"), "Mini pump is in your cart.")

	before := one.token()
	expect(t, one.post("/sign-in", "name", "Ada", "remember", "yes"), "Welcome, Ada", "Firefox on Linux", "Sign out")
	if one.token() == before {
		t.Error("signing in did not change the session's ID")
	}
	expect(t, one.get("/cart"), "Mini pump") // kept
	expect(t, two.post("/sign-in", "name", "ada"), "Welcome, ada", "Safari on iPhone")

	devices := one.get("/devices")
	expect(t, devices, "Firefox on Linux", "this device", "Safari on iPhone", "Remembered", "Until the browser is closed", "Sign out the others")

	expect(t, devices, "<dt>Ends unless used</dt><dd>in 30 days</dd>", "<dt>Ends unless used</dt><dd>in 30 minutes</dd>")

	expect(t, one.post("/devices/sign-out-others"), "One other device is signed out.", "No other device")
	page := two.get("/devices")
	expect(t, page, "Your earlier session is over", "Please sign in")
	expectNot(t, two.get("/"), "Your earlier session is over") // shown once
	expectNot(t, page, "Sign out", "ada")
	expect(t, one.get("/"), "Good to see you, Ada")

	page = one.post("/sign-out")
	expect(t, page, "You are signed out.", "Sign in", "first visit")
	expectNot(t, page, "Ada")
}

// TestOneDevice signs out one of three, and nobody else's.
func TestOneDevice(t *testing.T) {
	server := start(t)
	one, two, three := newBrowser(t, server.URL, firefox), newBrowser(t, server.URL, safari), newBrowser(t, server.URL, "curl/8")
	for _, b := range []*browser{one, two, three} {
		b.post("/sign-in", "name", "Ada")
	}
	form := regexp.MustCompile(`action="(/devices/[0-9a-f]{64}/sign-out)"><button class="plain">Sign out<span class="unseen"> Safari on iPhone`)
	m := form.FindStringSubmatch(one.get("/devices"))
	if m == nil {
		t.Fatal("the page has no button for the other device")
	}
	eve := newBrowser(t, server.URL, firefox)
	expect(t, eve.post(m[1]), "Please sign in")
	eve.post("/sign-in", "name", "Eve")
	expect(t, eve.post(m[1]), "That device is not signed in any more.")
	expect(t, two.get("/"), "Good to see you, Ada") // Eve may know the ID, and cannot end the session

	expect(t, one.post(m[1]), "Safari on iPhone is signed out.")
	expect(t, two.get("/devices"), "Your earlier session is over")
	expect(t, one.post(m[1]), "That device is not signed in any more.")
	expect(t, one.post("/devices/nothing/sign-out"), "That device is not signed in any more.")
	expect(t, three.get("/"), "Good to see you, Ada")

	// The device's own ID, which the page does not offer.
	m = regexp.MustCompile(`action="(/devices/[0-9a-f]{64}/sign-out)"`).FindStringSubmatch(three.get("/devices"))
	expect(t, one.post(m[1]), "You are signed out.")
}

func TestCart(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	// A screen reader reads the title when the page opens, so it has the message.
	expect(t, b.post("/cart/mini/add"), "<title>Mini pump is in your cart. Shop ·")
	b.post("/cart/mini/add")
	b.post("/cart/patch/add")
	expect(t, b.get("/cart"), `value="2"`, "€\u00a045.00", "€\u00a049.90")
	expect(t, b.post("/cart/mini/change", "quantity", "3"), "Mini pump has its new quantity.", "€\u00a072.40")
	expect(t, b.post("/cart/mini/change", "quantity", "-1"), "A quantity is a number", "€\u00a072.40")
	expectNot(t, b.get("/cart"), "A quantity is a number") // shown once
	b.post("/cart/mini/remove")
	expect(t, b.post("/cart/patch/change", "quantity", "0"), "nothing in it")

	if status, _ := b.do(http.MethodPost, "/cart/car/add", nil); status != http.StatusNotFound {
		t.Errorf("unknown product: %d", status)
	}
}

func TestAnotherUserGetsAnotherCart(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	b.post("/sign-in", "name", "Ada")
	b.post("/cart/mini/add")
	b.post("/sign-in", "name", "Ada")
	expect(t, b.get("/cart"), "Mini pump")
	b.post("/sign-in", "name", "Grace")
	expect(t, b.get("/cart"), "nothing in it", "Grace")
	expectNot(t, b.get("/devices"), "Sign out the others")
}

func TestSignedOutCookieIsDead(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	b.post("/sign-in", "name", "Ada")
	old := &http.Cookie{Name: cookieName, Value: b.token()}
	b.post("/sign-out")

	thief := newBrowser(t, b.base, safari)
	u, _ := url.Parse(b.base)
	thief.Jar.SetCookies(u, []*http.Cookie{old})
	expectNot(t, thief.get("/"), "Ada")
}

func TestNames(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	for _, name := range []string{"", "  ", "a\x00b", "\xff", "a name that is longer than forty characters"} {
		status, page := b.do(http.MethodPost, "/sign-in", url.Values{"name": {name}})
		if status != http.StatusUnprocessableEntity {
			t.Errorf("name %q: %d", name, status)
		}
		expect(t, page, "Please enter a name", `aria-invalid="true"`)
	}
	expect(t, b.post("/sign-in", "name", "<b>Zoë & co</b>"), "&lt;b&gt;Zoë &amp; co&lt;/b&gt;")
}

func TestDevicesAsksToSignIn(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	expect(t, b.get("/devices"), "Please sign in", `name="name"`)
	expect(t, b.post("/devices/sign-out-others"), "Please sign in")
	expect(t, b.post("/devices/0/sign-out"), "Please sign in")
}

func TestCrossOriginIsRefused(t *testing.T) {
	b := newBrowser(t, start(t).URL, firefox)
	b.post("/sign-in", "name", "Ada")
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
	} {
		status, page := b.do(http.MethodPost, "/sign-out", nil, header...)
		if status != http.StatusForbidden {
			t.Errorf("%v: %d", header, status)
		}
		expect(t, page, "another site")
	}
	expect(t, b.get("/"), "Ada")
}

// TestCookieStore restarts the app, which keeps only its secret.
func TestCookieStore(t *testing.T) {
	flags := []string{"-store", "cookie", "-secret", secret}
	b := newBrowser(t, start(t, flags...).URL, firefox)
	b.post("/cart/floor/add")
	b.post("/sign-in", "name", "Ada")
	expect(t, b.get("/devices"), "<code>cookie</code> store cannot list")
	expect(t, b.post("/devices/sign-out-others"), "cookie store cannot sign out")
	expect(t, b.post("/devices/0/sign-out"), "cookie store cannot sign out")

	b.moveTo(start(t, flags...).URL)
	expect(t, b.get("/"), "Good to see you, Ada")
	expect(t, b.get("/cart"), "Floor pump")

	b.moveTo(start(t, "-store", "cookie", "-secret", secret+", but another").URL)
	expectNot(t, b.get("/"), "Ada")

	b.moveTo(start(t, flags...).URL)
	b.post("/sign-in", "name", "Ada")
	expectNot(t, b.post("/sign-out"), "Ada")
}

// moveTo continues at another address with the same cookies. (A jar distinguishes
// hosts, not ports.)
func (b *browser) moveTo(base string) { b.base = base }

// A remembered session is not ended by the limits of the others, and one that is not
// remembered at the next sign-in is.
func TestRememberedSessionOutlivesTheFlags(t *testing.T) {
	s := start(t, "-timeout", "10m", "-lifetime", "1h")
	b := newBrowser(t, s.URL, firefox)
	for _, test := range []struct {
		remember string
		want     time.Duration
	}{{"yes", rememberFor}, {"", 10 * time.Minute}} {
		expect(t, b.post("/sign-in", "name", "Ada", "remember", test.remember), "Welcome, Ada")
		n := 0
		for session, err := range s.sessions.Owned(t.Context(), "user:ada") {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if left := time.Until(session.Deadline()); left > test.want || left < test.want-time.Minute {
				t.Errorf("remember %q: the session ends in %v, want %v", test.remember, left, test.want)
			}
		}
		if n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	}
}
