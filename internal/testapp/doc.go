// Package testapp is an application with sessions for tests: a manager on a
// store whose calls can be counted and made to fail, a clock that moves only
// when it is told to, a log that can be read, and clients that store their
// cookies.
package testapp
