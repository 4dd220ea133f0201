package browsertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pump-go/sessions/internal/chromium"
)

// TestDeviceBound: a browser that can bind its session does so, without anything that
// its user sees, and the list of devices says which are bound.
func TestDeviceBound(t *testing.T) {
	cert, key := chromium.Certificate(t, "localhost")
	files := t.TempDir()
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(files, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := start(t, "-device-bound", "-tls-cert", filepath.Join(files, "cert.pem"), "-tls-key", filepath.Join(files, "key.pem"))
	address = strings.Replace(address, "127.0.0.1", "localhost", 1)

	home := chromedp.Env("HOME=" + chromium.Home(t))
	laptop := open(t, address, t.TempDir(), home,
		chromedp.Flag("enable-features", "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"))
	laptop.signIn("Ada", false)
	for deadline := time.Now().Add(45 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		laptop.visit("/devices")
		if strings.Contains(laptop.text(), "bound to this device") || time.Now().After(deadline) {
			break
		}
	}
	laptop.expect("this device", "bound to this device", "Ada")

	tablet := open(t, address, t.TempDir(), home, chromedp.Flag("disable-features", "DeviceBoundSessions"))
	tablet.signIn("Ada", true)
	tablet.visit("/devices")
	tablet.expect("this device", "bound to its device")
	tablet.expectNot("bound to this device")
	laptop.press(".account button")
	laptop.expect("You are signed out.")
}
