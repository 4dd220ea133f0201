package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTwoProfiles signs in on two profiles, and from one of them signs the other
// out.
func TestTwoProfiles(t *testing.T) {
	address := start(t)
	laptop, phone := open(t, address, t.TempDir()), open(t, address, t.TempDir())

	laptop.visit("/")
	laptop.press(`form[action="/cart/mini/add"] button`)
	laptop.expect("Mini pump is in your cart.")
	before := laptop.cookie()
	laptop.signIn("Ada", false)
	if after := laptop.cookie(); after == nil || before == nil || after.Value == before.Value {
		t.Errorf("signing in did not change the session's ID: %v, %v", before, after)
	}
	phone.signIn("Ada", true)

	laptop.visit("/cart")
	laptop.expect("Mini pump", "Ada") // the cart came along
	laptop.visit("/devices")
	laptop.expect("this device", "Until the browser is closed", "Remembered", "in 30 minutes", "in 30 days")
	laptop.press(`form.end button`)
	laptop.expect("Chrome on Linux is signed out.", "No other device is signed in")
	phone.visit("/devices")
	phone.expect("Your earlier session is over", "Please sign in")

	phone.signIn("Ada", true)
	laptop.visit("/devices")
	laptop.press(`form[action="/devices/sign-out-others"] button`)
	laptop.expect("One other device is signed out.", "No other device is signed in")

	phone.visit("/devices")
	phone.expect("Your earlier session is over", "Please sign in")
	phone.expectNot("Ada", "Sign out")
	laptop.visit("/")
	laptop.expect("Good to see you, Ada")

	laptop.press(".account button")
	laptop.expect("You are signed out.", "Sign in")
	laptop.expectNot("Ada")
	if status := laptop.visit("/devices"); status != 200 {
		t.Errorf("status %d", status)
	}
	laptop.expect("Please sign in")
}

// TestRemembered closes the browser and opens it again, on the same profile.
func TestRemembered(t *testing.T) {
	address := start(t)
	for name, remember := range map[string]bool{"Grace": true, "Ada": false} {
		profile := t.TempDir()
		b := open(t, address, profile)
		b.signIn(name, remember)
		c := b.cookie()
		if c == nil || c.Session == remember || !c.HTTPOnly || c.SameSite != "Lax" || c.Path != "/" {
			t.Errorf("cookie: %+v", c)
		}
		if script := ask[string](b, "document.cookie"); script != "" {
			t.Error("a script can read the cookie")
		}
		b.close()

		b = open(t, address, profile)
		b.visit("/")
		if remember {
			b.expect("Good to see you, " + name)
		} else {
			b.expect("Sign in", "first visit")
			b.expectNot(name)
		}
	}
}

// TestBackAfterSignOut: what was on the screen while signed in does not come
// back from the browser's memory.
func TestBackAfterSignOut(t *testing.T) {
	b := open(t, start(t), t.TempDir())
	b.signIn("Ada", false)
	b.visit("/devices")
	b.expect("Where Ada is signed in")
	b.press(".account button")
	b.load(chromedp.NavigateBack())
	b.expectNot("Ada")
}
