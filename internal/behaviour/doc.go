// Package behaviour has only tests: what a program may expect of a session, tested
// over HTTP with every store.
//
// It is a separate package because it imports all stores.
package behaviour
