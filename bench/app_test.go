package bench

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// work is what a handler does with its session.
type work string

const (
	fill      work = "fill"       // creates a session with ten values, about 500 bytes
	small     work = "small"      // creates a session with five small values
	readSmall work = "read small" // gets two of the five
	untouched work = "untouched"  // nothing
	read      work = "read"       // gets two of the ten values and checks them
	write     work = "write"      // adds one to a counter
	fresh     work = "new"        // sets the counter in a new session
	signIn    work = "sign-in"    // gives the session a new ID and sets the user
	passing   work = "passing"    // fill, for a session that expires at some time during tailTime
)

// app is a server that uses one library with one store.
type app struct {
	// handler returns the handler for one kind of work, or nil if the library does
	// not support it.
	handler func(work) http.Handler
	// sessions returns the number of sessions in the store. It is nil for cookies, and
	// for memcached, which has no list.
	sessions func() int
	// sweep removes expired sessions and returns their number. It is nil if the library
	// has no such call.
	sweep func() int
	// merges reports whether no concurrent change to one session is lost.
	merges bool
}

// sweepEvery is the time between two removals of expired sessions, or 0 for each
// library's default.
var sweepEvery time.Duration

// passes returns how long a passing session lives.
func passes() time.Duration {
	return (10*time.Millisecond + rand.N(*tailTime)).Truncate(time.Millisecond)
}

const (
	counter = "counter"
	someone = "user:42"
)

// name and text are the keys and the value of the nine values besides the counter.
func name(i int) string { return "value " + strconv.Itoa(i) }

var text = strings.Repeat("v", 45)

// smallValues are the five values of a small session.
var smallValues = []struct {
	name string
	val  any
}{{"user", someone}, {"lang", "en"}, {"theme", "dark"}, {"visits", 12}, {"admin", false}}

// body is the response body of every handler.
var body = []byte("ok")

func answer(w http.ResponseWriter) { w.Write(body) }

// wrong is the response of a handler that did not find the written values.
func wrong(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }

// asWritten reports whether a read found what fill and write wrote.
func asWritten(a string, counter bool) bool { return a == text && counter }

// bare is a server without sessions.
func bare(testing.TB) app {
	return app{handler: func(work) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	}}
}
