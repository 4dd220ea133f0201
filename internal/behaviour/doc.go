// Package behaviour holds tests alone: what a program may expect of a session
// whichever store it is in, shown over HTTP on every store there is.
//
// It is apart from the packages it tests because it imports all stores. Nobody
// imports it, so it brings nothing into anybody's module graph.
package behaviour
