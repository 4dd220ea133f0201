// Package browsertest tests the example app in a real browser: Debian's
// chromium, headless. It is a module of its own, so that nobody else pays for
// the driver.
package browsertest
