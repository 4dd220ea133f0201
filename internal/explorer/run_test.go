package explorer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/commitqueue"
	"github.com/pump-go/sessions/internal/token"
)

// The clock of the stores and managers. It stands still during a run, so late that
// a read records its access, and so early that a forward lives.
var (
	renewedAt = time.Date(2031, time.March, 4, 5, 6, 7, 0, time.UTC)
	runsAt    = renewedAt.Add(40 * time.Second)
)

func now() time.Time { return runsAt }

// requestKey is the key of the *request in a request's context.
type requestKey struct{}

// request is one request of a run.
type request struct {
	index   int
	op      operation
	manager *sessions.Manager
	token   string // in its cookie; "": it has none

	held   *call // the call that waits for the scheduler
	resume chan outcome
	done   bool // the handler has returned
	closed bool // the browser has the response
	hit    bool // a call of it was lost
	calls  []*call

	// What the handler saw, and what was answered.
	sawS     bool
	popped   bool
	took     []string
	recorder *httptest.ResponseRecorder
	cookie   *http.Cookie // nil: none
}

// deletes reports whether the response deletes the cookie.
func (r *request) deletes() bool { return r.cookie != nil && r.cookie.MaxAge < 0 }

// issued returns the token that the response gives the client, or "".
func (r *request) issued() string {
	if r.cookie == nil || r.deletes() {
		return ""
	}
	return r.cookie.Value
}

func (r *request) acknowledged() bool { return r.recorder.Code < 300 }
func (r *request) refused() bool      { return r.recorder.Code == http.StatusConflict }

// mayHave reports whether the request may have had its effect.
func (r *request) mayHave() bool { return r.acknowledged() || r.hit }

// first returns the request's first store call, or nil.
func (r *request) first() *call {
	if len(r.calls) == 0 {
		return nil
	}
	return r.calls[0]
}

// id is what a run knows of a key.
type id struct {
	key            driver.Key
	creator, ender int // the request that stored it, and the one that ended it; none
}

const none = -1

// scenario is a set of requests in one or several processes.
type scenario struct {
	ops     []operation
	apart   bool                            // each in a process of its own
	renewer bool                            // the store is a driver.Renewer
	wrap    func(driver.Store) driver.Store // a fault between manager and store; or nil
}

// start is the state in which the runs of a scenario begin.
type start struct {
	scenario
	store    *mapStore
	old, new string // S's tokens before the renewal, or "", and now
}

// run is one run of a scenario.
type run struct {
	*start
	store    *mapStore
	requests []*request
	ids      []*id
	cookie   string // the browser's
	lost     bool   // a call was lost: no other will be
	delayed  *delayedCall
	strayed  bool // the scheduler chose what the run does not have
	trace    []*call
	path     []choice
	faults   []fault
}

// choice is one decision of the scheduler, of so many options.
type choice struct{ options, chosen int }

// option is a held call, and what may become of it.
type option struct {
	request *request
	outcome outcome
}

// maxSteps is more than any run needs that ends.
const maxSteps = 60

var tokens = token.NewCodec(nil)

func keyOf(tok string) driver.Key {
	i, _, _ := tokens.Decode(tok)
	return i.Key()
}

// newManager opens a Manager, as another process would.
func newManager(store driver.Store, at time.Time) *sessions.Manager {
	m, err := sessions.New(context.Background(), sessions.Options{
		Driver:        driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) { return store, nil }),
		IdleTimeout:   time.Hour,
		StoreTimeout:  24 * time.Hour, // of the bubble's clock, which pauses move
		SweepInterval: -1,
		Logger:        slog.New(slog.DiscardHandler),
		Now:           func() time.Time { return at },
	})
	if err != nil {
		panic(err)
	}
	return m
}

// prepare makes the session S, and renews it if there is a late request.
func prepare(sc scenario) *start {
	for {
		st := &start{scenario: sc, store: newMapStore()}
		m := newManager(st.store, renewedAt)
		s := m.NewSession()
		fill(s)
		if err := s.Save(context.Background()); err != nil {
			panic(err)
		}
		st.new = s.Token()
		if !slices.ContainsFunc(sc.ops, func(op operation) bool { return op.late }) {
			return st
		}
		if err := errors.Join(s.Renew(), s.Save(context.Background())); err != nil {
			panic(err)
		}
		st.old, st.new = st.new, s.Token()
		if queue(keyOf(st.old)) != queue(keyOf(st.new)) {
			return st
		}
	}
}

// queue returns which of a Manager's commit queues the session at key uses.
func queue(key driver.Key) int { return int(key[0]) % len(commitqueue.Queues{}) }

// perform makes one run. choose returns the index of the option to take at a step.
func (st *start) perform(choose func(step int, of []option) int) *run {
	for {
		r := &run{start: st, store: st.store.clone(), cookie: st.new}
		r.begin()
		r.steps(choose)
		if !r.shareQueue() {
			if r.strayed {
				panic("explorer: a schedule does not determine its run: " + r.code())
			}
			r.judge()
			return r
		}
	}
}

// shareQueue reports whether two IDs happened to have the same commit queue. Then
// requests may have waited for each other that otherwise do not: such a run is
// made again.
func (r *run) shareQueue() bool {
	for i, a := range r.ids {
		for _, b := range r.ids[:i] {
			if queue(a.key) == queue(b.key) {
				return true
			}
		}
	}
	return false
}

// begin starts the requests. Each comes to its first store call, or to its end.
func (r *run) begin() {
	if r.old != "" {
		r.name(keyOf(r.old))
	}
	r.name(keyOf(r.new))
	var shared *sessions.Manager
	for i, op := range r.ops {
		q := &request{index: i, op: op, resume: make(chan outcome), recorder: httptest.NewRecorder()}
		if q.manager = shared; q.manager == nil || r.apart {
			var store driver.Store = gate{r.store, r}
			if r.renewer {
				store = renewerGate{gate{r.store, r}}
			}
			if r.wrap != nil {
				store = r.wrap(store)
			}
			q.manager = newManager(store, runsAt)
			shared = q.manager
		}
		switch {
		case op.late:
			q.token = r.old
		case op.name != "destroy-owned":
			q.token = r.new
		}
		r.requests = append(r.requests, q)
	}
	for _, q := range r.requests {
		req, err := http.NewRequestWithContext(context.WithValue(context.Background(), requestKey{}, q), "POST", "/", nil)
		if err != nil {
			panic(err)
		}
		if q.token != "" {
			req.AddCookie(&http.Cookie{Name: "pump-session", Value: q.token})
		}
		go func() {
			q.handler().ServeHTTP(q.recorder, req)
			q.done = true
		}()
		r.settle()
	}
}

// settle waits until each request waits for the scheduler, or for a lock that
// another holds, or is done. The pauses that a Manager makes after conflicts end
// meanwhile.
func (r *run) settle() {
	synctest.Wait()
	for _, q := range r.requests {
		if !q.done && q.held == nil {
			time.Sleep(time.Second)
			synctest.Wait()
			break
		}
	}
	for _, q := range r.requests {
		if q.done && !q.closed {
			q.closed = true
			r.receive(q)
		}
	}
}

// receive does what a browser does with the response's cookie.
func (r *run) receive(q *request) {
	lines := q.recorder.Header()["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	cookie, err := http.ParseSetCookie(lines[0])
	if err != nil || len(lines) > 1 {
		r.fault(badCookie, "request %d sets %q", q.index, lines)
		return
	}
	q.cookie = cookie
	r.judgeCookie(q)
	r.cookie = q.issued()
}

// steps lets one call after the other go on, until all requests are done.
func (r *run) steps(choose func(step int, of []option) int) {
	for {
		options := r.options()
		if len(options) == 0 {
			return
		}
		i := 0
		switch {
		case len(r.path) < maxSteps:
			i = choose(len(r.path), options)
		case len(r.path) == maxSteps:
			r.fault(endless, "after %d store calls", maxSteps)
			fallthrough
		default: // let it run out
			options = options[:1]
		}
		if i >= len(options) {
			r.strayed, i = true, 0
		}
		r.path = append(r.path, choice{len(options), i})
		q, o := options[i].request, options[i].outcome
		r.lost = r.lost || o != answered
		if o == takesPlace {
			r.delayed.take()
			r.delayed = nil
			continue
		}
		q.held = nil
		q.resume <- o
		r.settle()
	}
}

// options returns what the scheduler can do next.
func (r *run) options() (list []option) {
	for _, q := range r.requests {
		if q.held == nil {
			continue
		}
		list = append(list, option{q, answered})
		if r.lost {
			continue
		}
		list = append(list, option{q, lostBefore})
		if q.held.writes {
			list = append(list, option{q, lostAfter})
		}
		if q.held.blind {
			list = append(list, option{q, delayed})
		}
	}
	if r.delayed != nil && len(list) == 0 {
		list = append(list, option{r.delayed.request, takesPlace})
	}
	return list
}

// name returns what the run knows of the key.
func (r *run) name(key driver.Key) *id {
	for _, i := range r.ids {
		if i.key == key {
			return i
		}
	}
	i := &id{key, none, none}
	if key != (driver.Key{}) {
		r.ids = append(r.ids, i)
	}
	return i
}

// bubble runs f in a synctest bubble.
func bubble(t *testing.T, f func()) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { f() })
}
