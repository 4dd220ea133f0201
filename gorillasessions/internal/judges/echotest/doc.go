// Package echotest tests the session middleware of labstack/echo-contrib with a store
// of gorillasessions.
package echotest
