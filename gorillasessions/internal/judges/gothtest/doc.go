// Package gothtest tests gothic, the handlers of github.com/markbates/goth, with a
// store of gorillasessions.
package gothtest
