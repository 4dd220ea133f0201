package browsertest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// testTimeout limits a whole test, so that a hanging browser fails it.
const testTimeout = 2 * time.Minute

// browser is a chromium with a profile of its own, as of one person on one
// device, and one page open.
type browser struct {
	t       *testing.T
	ctx     context.Context
	address string
}

// open starts the browser on the profile, which is a directory.
func open(t *testing.T, address, profile string, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(profile),
		chromedp.DisableGPU,
		// Nothing but the app is asked for anything.
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
	)
	options = append(options, more...)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // chromium has none for root
	}
	timed, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	allocator, stop := chromedp.NewExecAllocator(timed, options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &browser{t, ctx, address}
	// The app needs no scripts: none runs in any of these tests.
	b.call(chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	return b
}

// close ends the browser as its user would, who may open it again.
func (b *browser) close() {
	b.t.Helper()
	if err := chromedp.Cancel(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) call(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// visit loads the page, and returns its status.
func (b *browser) visit(path string) (status int) {
	b.t.Helper()
	return b.load(chromedp.Navigate(b.address + path))
}

// press clicks the button or link, which leads to a page.
func (b *browser) press(selector string) (status int) {
	b.t.Helper()
	return b.load(chromedp.Click(selector))
}

// key types the key, which leads to a page.
func (b *browser) key(key string) (status int) {
	b.t.Helper()
	return b.load(chromedp.KeyEvent(key))
}

// load waits until the step has led to a page.
func (b *browser) load(step chromedp.Action[chromedp.Void]) (status int) {
	b.t.Helper()
	res, err := chromedp.RunResponse(b.ctx, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return int(res.Status)
}

// fill types the text into the field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.SendKeys(selector, text)); err != nil {
		b.t.Fatal(err)
	}
}

// text is what of the page can be seen.
func (b *browser) text() string {
	b.t.Helper()
	return ask[string](b, `document.body.innerText`)
}

// signIn signs in, to be remembered or not.
func (b *browser) signIn(name string, remember bool) {
	b.t.Helper()
	b.visit("/sign-in")
	b.fill("#name", name)
	if remember {
		b.call(chromedp.Run(b.ctx, chromedp.Click("#remember")))
	}
	b.press("form.card button")
	b.expect("Welcome, " + name)
}

func (b *browser) expect(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.t.Errorf("page lacks %q:\n%s", text, page)
		}
	}
}

func (b *browser) expectNot(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, text := range texts {
		if strings.Contains(page, text) {
			b.t.Errorf("page has %q:\n%s", text, page)
		}
	}
}

// cookie is the session's, as the browser keeps it.
func (b *browser) cookie() *network.Cookie {
	b.t.Helper()
	res, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.address}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies {
		if c.Name == "pump-session" {
			return c
		}
	}
	return nil
}

// ask evaluates an expression of the page's, as the developer's tools do.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}
