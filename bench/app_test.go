package bench

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// work is what a handler does with its session.
type work string

const (
	fill      work = "fill"       // makes the session of ten values, about 500 bytes
	small     work = "small"      // makes one of five small values
	readSmall work = "read small" // gets two of the five
	untouched work = "untouched"  // nothing
	read      work = "read"       // gets two of the ten values, and fails unless they are what was written
	write     work = "write"      // adds one to a counter
	fresh     work = "new"        // sets the counter in a new session
	login     work = "login"      // gives the session a new id, and sets who it is
)

// app is a program that uses one library with one store.
type app struct {
	// handler returns what serves one kind of work, or nil if the library has
	// nothing of the sort.
	handler func(work) http.Handler
	// sessions counts those in the store; nil if nothing is kept there.
	sessions func() int
	// merges: of parallel changes to one session none is lost.
	merges bool
}

const (
	counter = "counter"
	someone = "user:42"
)

// name and text are the nine values beside the counter.
func name(i int) string { return "value " + strconv.Itoa(i) }

var text = strings.Repeat("v", 45)

// smallValues are the five of a small session.
var smallValues = []struct {
	name string
	val  any
}{{"user", someone}, {"lang", "en"}, {"theme", "dark"}, {"visits", 12}, {"admin", false}}

// body is what every handler answers.
var body = []byte("ok")

func answer(w http.ResponseWriter) { w.Write(body) }

// wrong is the answer of a handler that did not find what had been written.
func wrong(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }

// asWritten tells whether a read found what fill and write wrote.
func asWritten(a string, counter bool) bool { return a == text && counter }

// bare is a program without sessions.
func bare(testing.TB) app {
	return app{handler: func(work) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	}}
}
