// Package browsertest tests package dbsc with a real browser: Debian's chromium,
// headless, with keys in software. It is a separate module, so that others do not pay
// for the driver.
package browsertest
