package browsertest

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// focused is the element that has the focus, as it is seen.
type focused struct {
	Tag, Name   string
	Top, Left   float64
	Ring        string  // the outline's style
	RingWidth   float64 // in CSS pixels
	Height      float64
	InView, End bool
}

// tab goes on to the next element.
func (b *browser) tab() (f focused) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
		b.t.Fatal(err)
	}
	for range 100 { // the browser may still be scrolling
		if f = ask[focused](b, whatHasFocus); f.InView || f.End {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return f
}

const whatHasFocus = `(() => {
		const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e)
		return {
			Tag: e.tagName, Name: (e.labels?.[0] ?? e).textContent.trim().replace(/\s+/g, " "),
			Top: box.top + scrollY, Left: box.left, Height: box.height,
			Ring: style.outlineStyle, RingWidth: parseFloat(style.outlineWidth),
			InView: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
			End: e === document.body,
		}
	})()`

// tabTo goes on until the element of that name has the focus.
func (b *browser) tabTo(name string) {
	b.t.Helper()
	for range 60 {
		f := b.tab()
		if f.Name == name {
			return
		}
		if f.End {
			break
		}
	}
	b.t.Fatalf("the keyboard does not reach %q", name)
}

// TestKeyboard does without a mouse what a visitor does.
func TestKeyboard(t *testing.T) {
	b := open(t, start(t), t.TempDir())
	b.visit("/")
	if f := b.tab(); f.Name != "Skip to the content" || !f.InView {
		t.Errorf("the first element is %+v", f)
	}
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	b.tab() // the link to sign in, in the text
	if f := b.tab(); f.Name != "Add to cart: Floor pump" {
		t.Errorf("after the skip comes %+v", f)
	}
	b.key(kb.Enter)
	b.expect("Floor pump is in your cart.")

	b.visit("/sign-in")
	b.tabTo("Name")
	b.fill(":focus", "Ada")
	if f := b.tab(); f.Name != "Remember me" {
		t.Errorf("after the name comes %+v", f)
	}
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(" ")); err != nil {
		t.Fatal(err)
	}
	b.key(kb.Enter) // sends the form, from any of its fields
	b.expect("Welcome, Ada")

	b.visit("/cart")
	b.tabTo("Quantity of Floor pump")
	b.fill(":focus", kb.Delete+"3")
	b.key(kb.Enter)
	b.expect("Floor pump has its new quantity.", "€\u00a0117.00")
	b.tabTo("Remove Floor pump")
	b.key(kb.Enter)
	b.expect("Floor pump is out of your cart.")

	b.visit("/devices")
	b.expect("Remembered")
	b.tabTo("Sign out")
	b.key(kb.Enter)
	b.expect("You are signed out.")
}

// TestFocus walks through the pages: what has the focus shows it, is in view and
// large enough, and comes in the order in which the page is read.
func TestFocus(t *testing.T) {
	b := open(t, start(t), t.TempDir())
	b.visit("/")
	b.press(`form[action="/cart/mini/add"] button`)
	b.press(`form[action="/cart/hose/add"] button`)
	b.signIn("Ada", false)
	for _, screen := range screens {
		b.emulate(screen)
		for _, path := range []string{"/", "/cart", "/sign-in", "/devices"} {
			b.visit(path)
			var last focused
			n := 0
			for f := b.tab(); !f.End && n < 60; f = b.tab() {
				n++
				if f.Ring == "none" || f.RingWidth < 2 || !f.InView {
					t.Errorf("%s%s: the focus is not seen: %+v", screen.name, path, f)
				}
				if f.Height < 44 && f.Tag == "BUTTON" {
					t.Errorf("%s%s: too small for a finger: %+v", screen.name, path, f)
				}
				// Boxes of one row need not have one top.
				if above := f.Top+f.Height <= last.Top; above || f.Top < last.Top+last.Height && f.Top+f.Height > last.Top && f.Left < last.Left && last.Name != "Skip to the content" {
					t.Errorf("%s%s: %+v comes after %+v", screen.name, path, f, last)
				}
				last = f
			}
			if n < 7 {
				t.Errorf("%s%s: %d elements", screen.name, path, n)
			}
		}
	}
}
