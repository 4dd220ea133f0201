// Package browsertest tests the example app in a real browser: Debian's
// chromium, headless. It is a separate module, so that others do not pay for
// the driver.
package browsertest
