package bench

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	tailTime = flag.Duration("tail-time", time.Second, "how long BenchmarkTails measures each library")
	tailRate = flag.Float64("tail-rate", 0, "the requests in a second of BenchmarkTails, or 0 for 80% of the capacity")
)

const (
	tailClients  = 64
	tailSessions = 100 // of each client
	tailLoad     = 0.8 // of the capacity of the slower library
	tailExpiring = 100 // sessions that expire in a second
	tailSweeps   = 6   // during tailTime
)

// BenchmarkTails reports percentiles of the latency of requests to net/http's server,
// over 64 connections, at 80% of what the slower of the compared libraries can
// serve. Half of the requests are reads, and half writes. Requests are due at random
// times at a constant average rate (a Poisson process, the same for each library), and
// a latency is counted from when its request was due: a request that had to wait
// for a free client, or for the processor, is not forgotten. Meanwhile sessions
// expire, and the libraries remove them.
func BenchmarkTails(b *testing.B) {
	for _, c := range contenders {
		var libs []lib
		for _, l := range c.libs {
			if l.name == "pump" || l.name == "scs" || l.name == "gorilla" {
				libs = append(libs, l)
			}
		}
		if libs == nil || c.store == "shm" || c.store == "sync" {
			continue
		}
		b.Run("store="+c.store, func(b *testing.B) {
			sweepEvery = *tailTime / tailSweeps
			defer func() { sweepEvery = 0 }()
			rate := *tailRate
			if rate == 0 {
				rate = tailLoad * capacityOf(b, libs)
			}
			b.Run("work=tails/lib=bare", func(b *testing.B) { benchTails(b, lib{"bare", bare}, rate, *tailTime/6) })
			for _, l := range libs {
				b.Run("work=tails/lib="+l.name, func(b *testing.B) { benchTails(b, l, rate, *tailTime) })
			}
		})
	}
}

// capacityOf returns how many requests the slower of the libraries serves in a second.
func capacityOf(b *testing.B, libs []lib) float64 {
	capacity := math.Inf(1)
	for _, l := range libs {
		b.Run("work=capacity/lib="+l.name, func(b *testing.B) {
			served := saturate(b, l)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(served, "req/s")
			capacity = min(capacity, served)
		})
	}
	if math.IsInf(capacity, 1) {
		b.Fatal("the capacity was not measured")
	}
	return capacity
}

// saturate returns how many requests a library serves in a second if each client
// sends the next as soon as it has the response to the last.
func saturate(b *testing.B, l lib) float64 {
	t := newTails(b, l.open(b))
	d := max(time.Second, *tailTime/12)
	n, begun := 0, time.Now()
	for b.Loop() {
		over := time.Now().Add(d)
		n += t.run(b, func(c *tailClient) error {
			for time.Now().Before(over) {
				if err := c.request(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	took := time.Since(begun)
	t.check(b)
	return float64(n) / took.Seconds()
}

// benchTails measures a library for d at a rate of requests in a second.
func benchTails(b *testing.B, l lib, rate float64, d time.Duration) {
	a := l.open(b)
	t := newTails(b, a)
	expiring := 0
	if h := a.handler(passing); h != nil && l.name != "bare" {
		expiring = int(tailTime.Seconds() * tailExpiring)
		populate(b, h, expiring, 1)
	}
	for b.Loop() {
		due := make(chan time.Duration, tailClients)
		begun := time.Now()
		go pace(due, begun, rate, d)
		t.run(b, func(c *tailClient) error {
			for at := range due {
				if err := c.request(); err != nil {
					return err
				}
				c.took = append(c.took, time.Since(begun)-at)
			}
			return nil
		})
	}
	var all []time.Duration
	for _, c := range t.clients {
		all = append(all, c.took...)
	}
	slices.Sort(all)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate, "req/s")
	for _, p := range []struct {
		unit string
		of   float64
	}{{"p50-ns", 0.5}, {"p99-ns", 0.99}, {"p99.9-ns", 0.999}, {"max-ns", 1}} {
		b.ReportMetric(float64(all[int(math.Ceil(p.of*float64(len(all))))-1]), p.unit)
	}
	t.check(b)
	if a.sweep != nil {
		// What has expired since the last sweep, unless there was none.
		if n := a.sweep(); n > expiring/2 {
			b.Errorf("%d of %d expired sessions were left", n, expiring)
		}
	}
}

// pace sends each request's time, since begun, when it is due. While all clients are
// busy it waits, but the times remain those of the schedule.
func pace(due chan<- time.Duration, begun time.Time, rate float64, d time.Duration) {
	defer close(due)
	alarm := newAlarm()
	defer alarm.stop()
	random := rand.New(rand.NewPCG(1, 2))
	next := func() time.Duration { return time.Duration(random.ExpFloat64() / rate * float64(time.Second)) }
	for at := next(); at < d; at += next() {
		if wait := at - time.Since(begun); wait > 0 {
			alarm.sleep(wait)
		}
		due <- at
	}
}

// tails is a server and its clients.
type tails struct {
	app     app
	clients []*tailClient
}

// tailClient is a client with a connection and several sessions, which no other client
// uses. It sends one request at a time.
type tailClient struct {
	conn    *connection
	cookies []string
	writes  []int // to each session
	done    int
	took    []time.Duration
	random  *rand.Rand
	err     error
}

// newTails starts a server, and creates the sessions.
func newTails(b *testing.B, a app) *tails {
	mux := http.NewServeMux()
	mux.Handle("/read", a.handler(read))
	mux.Handle("/write", a.handler(write))
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	cookies := make([]string, tailClients*tailSessions)
	if newClient(b).send(a.handler(fill)) {
		cookies = populate(b, a.handler(fill), len(cookies), len(cookies))
	}
	t := &tails{app: a}
	for i := range tailClients {
		c := &tailClient{
			conn:    dial(b, server),
			cookies: cookies[i*tailSessions:][:tailSessions],
			writes:  make([]int, tailSessions),
			random:  rand.New(rand.NewPCG(3, uint64(i))),
		}
		b.Cleanup(func() { c.conn.Close() })
		t.clients = append(t.clients, c)
	}
	return t
}

// run runs f for each client, and returns how many requests were served.
func (t *tails) run(b *testing.B, f func(*tailClient) error) (n int) {
	var wg sync.WaitGroup
	for _, c := range t.clients {
		n -= c.done
		wg.Go(func() { c.err = f(c) })
	}
	wg.Wait()
	for _, c := range t.clients {
		n += c.done
		if c.err != nil {
			b.Fatal(c.err)
		}
	}
	return n
}

// request reads or writes one of the client's sessions.
func (c *tailClient) request() error {
	i, path := c.random.IntN(len(c.cookies)), "/read"
	writes := c.random.IntN(2) == 0
	if writes {
		path = "/write"
	}
	header, err := c.conn.get(path, c.cookies[i])
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if set := header.Get("Set-Cookie"); set != "" {
		c.cookies[i], _, _ = strings.Cut(set, ";")
	}
	if writes {
		c.writes[i]++
	}
	c.done++
	return nil
}

// check fails unless each session has counted its writes.
func (t *tails) check(b *testing.B) {
	b.Helper()
	for _, c := range t.clients {
		for i, cookie := range c.cookies {
			if cookie != "" {
				counted(b, t.app, newClient(b).with(cookie), c.writes[i])
			}
		}
	}
}
