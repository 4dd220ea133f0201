// Package behaviour tests, over HTTP and with every store, what a program may expect of
// a session.
//
// It is a separate package because it imports all stores.
package behaviour
