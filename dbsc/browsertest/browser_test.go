package browsertest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/pump-go/sessions/internal/chromium"
)

// browser is a chromium, with one page open.
type browser struct {
	t       *testing.T
	ctx     context.Context
	address string
}

// open starts a browser that trusts the authority and supports the protocol.
func (s *site) open() *browser {
	t := s.t
	t.Helper()
	program := chromium.Installed(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Env("HOME="+chromium.Home(t)),
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("enable-features", "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // chromium has none for root
	}
	timed, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	allocator, stop := chromedp.NewExecAllocator(timed, options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	return &browser{t, ctx, s.address}
}

// tab opens another page of the same browser.
func (b *browser) tab() *browser {
	ctx, end := chromedp.NewContext(b.ctx)
	b.t.Cleanup(end)
	return &browser{b.t, ctx, b.address}
}

// visit loads a page and returns its text.
func (b *browser) visit(url string) string {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatal(err)
	}
	return b.text()
}

// text is the text of the page, or "" while it loads.
func (b *browser) text() string {
	b.t.Helper()
	return b.eval(`document.body ? document.body.innerText : ""`)
}

// fetch makes a request as a script of the page does, and returns the status and the
// text of the answer.
func (b *browser) fetch(method, path string) string {
	b.t.Helper()
	return b.eval(`fetch("` + path + `", {method: "` + method + `"}).then(async r => r.status + " " + await r.text())`)
}

func (b *browser) eval(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// cookies returns the browser's cookies of the site, by name.
func (b *browser) cookies() map[string]*network.Cookie {
	b.t.Helper()
	res, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.address}})
	if err != nil {
		b.t.Fatal(err)
	}
	cookies := make(map[string]*network.Cookie)
	for _, c := range res.Cookies {
		cookies[c.Name] = c
	}
	return cookies
}
