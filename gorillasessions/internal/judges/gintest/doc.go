// Package gintest tests gin-contrib/sessions with a store of gorillasessions.
package gintest
