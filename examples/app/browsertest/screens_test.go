package browsertest

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
)

type screen struct {
	name          string
	width, height int64
	mobile        bool
}

// The narrowest is WCAG's 1.4.10, or a laptop's 1280 pixels zoomed by four.
var screens = []screen{
	{"narrow", 320, 640, true},
	{"phone", 390, 844, true},
	{"desktop", 1280, 800, false},
}

func (b *browser) emulate(s screen) {
	b.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if s.mobile {
		options = append(options, chromedp.EmulateMobile)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(s.width, s.height, options...)); err != nil {
		b.t.Fatal(err)
	}
}

// TestScreens: no page has to be scrolled sideways, and each can be found one's
// way in: its language, title, landmarks, one heading of the first level, and a
// name for all that can be operated.
func TestScreens(t *testing.T) {
	const problems = `(width => {
		const found = [], all = s => [...document.querySelectorAll(s)]
		const say = (bad, text) => { if (bad) found.push(text) }
		say(document.documentElement.scrollWidth > width, "is wider than the screen: " +
			all("body *").filter(e => e.getBoundingClientRect().right > width).map(e => e.outerHTML.slice(0, 80)))
		say(document.documentElement.lang !== "en", "has no language")
		say(!document.title.endsWith(" · The Pump Shop"), "is titled " + document.title)
		for (const s of ["h1", "main", "body > header", "body > footer"]) say(all(s).length !== 1, all(s).length + " of " + s)
		say(all("script").length > 0, "has scripts")
		let level = 0
		for (const h of all("h1, h2, h3, h4")) {
			const next = +h.tagName[1]
			say(next > level + 1, "skips a level of headings before " + h.innerText)
			level = next
		}
		for (const e of all("input, button, a")) {
			const name = e.tagName === "INPUT" ? [...e.labels].map(l => l.innerText).join("") : e.innerText
			say(!name.trim(), "has a nameless " + e.outerHTML)
		}
		for (const e of all("[aria-describedby]")) say(!document.getElementById(e.getAttribute("aria-describedby")), "lacks what describes " + e.outerHTML)
		const ids = all("[id]").map(e => e.id)
		say(new Set(ids).size !== ids.length, "repeats an id: " + ids)
		return found
	})`
	b := open(t, start(t), t.TempDir())
	look := func(page string) {
		t.Helper()
		for _, s := range screens {
			b.emulate(s)
			for _, problem := range ask[[]string](b, problems+"("+strconv.Itoa(int(s.width))+")") {
				t.Errorf("%s, %s %s", page, s.name, problem)
			}
		}
	}
	b.visit("/")
	look("shop")
	b.visit("/cart")
	look("empty cart")
	b.press(`nav a[href="/sign-in"]`)
	look("sign-in")
	b.fill("#name", " ")
	if status := b.press("form.card button"); status != 422 {
		t.Errorf("no name: status %d", status)
	}
	b.expectTitle("Error: Sign in · The Pump Shop")
	b.call(chromedp.Run(b.ctx, chromedp.WaitReady("#name:focus"))) // the field at fault
	look("sign-in with a fault")
	if status := b.visit("/nothing"); status != 404 {
		t.Errorf("no such page: status %d", status)
	}
	look("not found")

	b.signIn("Wolfeschlegelsteinhausenbergerdorffwelch", true)
	look("signed in")
	for _, id := range []string{"floor", "patch"} {
		b.visit("/")
		b.press(`form[action="/cart/` + id + `/add"] button`)
	}
	b.expectTitle("Patch kit is in your cart. Shop · The Pump Shop") // a screen reader says so
	look("message")
	b.visit("/cart")
	look("cart")
	b.visit("/devices")
	look("devices")
}

func (b *browser) expectTitle(title string) {
	b.t.Helper()
	if got := ask[string](b, "document.title"); got != title {
		b.t.Errorf("title %q, want %q", got, title)
	}
}
