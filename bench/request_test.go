package bench

import (
	"flag"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// contenders has the compared libraries by store.
var contenders = []struct {
	store string
	libs  []lib
}{
	{"none", []lib{{"bare", bare}}},
	{"memory", []lib{{"pump", oursOn("memory", nil)}, {"pump-signed", oursOn("memory", secret)}, {"scs", scsMemory}, {"raw", rawMemory}}},
	{"cookie", []lib{{"pump", oursOn("cookie", secret)}, {"gorilla", gorillaCookie}, {"raw", rawCookie}}},
	{"file", []lib{{"pump", oursOn("file", secret)}, {"gorilla", gorillaFiles}, {"raw", rawFile}, {"raw-cas", rawInPlace(false)}}},
	{"sync", []lib{{"pump", oursSync}, {"raw-cas", rawInPlace(true)}}},
	// The same on a disk in memory, to separate the library's cost from the disk's.
	{"shm", []lib{{"pump", oursOn("file", secret)}, {"gorilla", gorillaFiles}, {"raw", rawFile}, {"raw-cas", rawInPlace(false)}}},
	{"dbm", []lib{{"pump", oursOn("dbm", nil)}, {"raw", rawBolt}}},
	{"sqlite", []lib{{"pump", oursSQLite}, {"scs", scsSQLite(likeOurs)}, {"scs-default", scsSQLite("")}, {"raw", rawSQLite}}},
	{"postgres", []lib{{"pump", oursPostgres}, {"scs", scsPostgres}, {"raw", rawPostgres}}},
	{"mariadb", []lib{{"pump", oursMariaDB}, {"scs", scsMariaDB}, {"raw", rawMariaDB}}},
	{"redis", []lib{{"pump", oursRedis}, {"scs", scsRedis}, {"raw", rawRedis(false)}, {"raw-cas", rawRedis(true)}}},
	{"memcached", []lib{{"pump", oursMemcached}, {"raw", rawMemcached}}},
}

type lib struct {
	name string
	open func(testing.TB) app
}

// offers reports whether the library and store support this kind of request. With a
// client-side session, concurrent requests cannot share it.
func (l lib) offers(b *testing.B, w work) bool {
	a := l.open(b)
	switch {
	case l.name == "bare":
		return w == untouched
	case w == contended:
		return a.sessions != nil || a.merges
	default:
		return a.handler(w) != nil
	}
}

// BenchmarkRequest measures each kind of request with each library, with a
// ResponseWriter that drops the response. "bare" is the same handler without a
// session.
func BenchmarkRequest(b *testing.B) { benchRequests(b, func(string) bool { return true }) }

// BenchmarkSmall is BenchmarkRequest without the heap that main_test.go holds, of the
// stores that wait for nothing.
func BenchmarkSmall(b *testing.B) {
	if *ballast != 0 {
		b.Skip("with -ballast 0")
	}
	benchRequests(b, func(store string) bool { return store == "memory" || store == "cookie" })
}

// turn rotates the contenders of each store, because work that one of them leaves to the
// system, such as writing to the disk, slows down the next one.
var turn = flag.Int("turn", 0, "how many contenders of each store to move from the front to the end")

func benchRequests(b *testing.B, wanted func(store string) bool) {
	for _, c := range contenders {
		if !wanted(c.store) {
			continue
		}
		b.Run("store="+c.store, func(b *testing.B) {
			if c.store == "shm" {
				inMemory(b)
			}
			for _, w := range works {
				first := *turn % len(c.libs)
				for _, l := range slices.Concat(c.libs[first:], c.libs[:first]) {
					if l.offers(b, w.work) {
						b.Run("work="+string(w.work)+"/lib="+l.name, func(b *testing.B) { w.run(b, l.open(b)) })
					}
				}
			}
		})
	}
}

var works = []struct {
	work work
	run  func(*testing.B, app)
}{
	{untouched, benchUntouched},
	{read, benchRead},
	{write, benchWrite},
	{fresh, benchNew},
	{contended, benchContended},
	{signIn, benchSignIn},
}

func benchUntouched(b *testing.B, a app) {
	h := a.handler(untouched)
	c := newClient(b)
	if fill := a.handler(fill); c.send(fill) {
		refuses(b, a, c)
	}
	loop(b, func() {
		if c.send(h) {
			b.Fatal("an unused session sent a cookie")
		}
	})
}

func benchRead(b *testing.B, a app) {
	c, h := start(b, a, fill), a.handler(read)
	refuses(b, a, c)
	loop(b, func() {
		c.send(h)
	})
}

func benchWrite(b *testing.B, a app) {
	c, h := start(b, a, fill), a.handler(write)
	loop(b, func() {
		c.send(h)
	})
	counted(b, a, c, b.N)
}

func benchNew(b *testing.B, a app) {
	h, c := a.handler(fresh), newClient(b)
	// The first requests create directories and pages that later ones reuse.
	for i, start := 0, time.Now(); i < 2000 && time.Since(start) < 200*time.Millisecond; i++ {
		c.try(h)
	}
	cookies, before := 0, 0
	if a.sessions != nil {
		before = a.sessions()
	}
	loop(b, func() {
		if len(c.try(h).header["Set-Cookie"]) == 1 {
			cookies++
		}
	})
	if cookies != b.N {
		b.Errorf("%d cookies from %d new sessions", cookies, b.N)
	}
	if a.sessions != nil {
		if n := a.sessions() - before; n != b.N {
			b.Errorf("%d sessions after %d requests", n, b.N)
		}
	}
	counted(b, a, start(b, a, fresh), 1)
}

func benchSignIn(b *testing.B, a app) {
	c, h := start(b, a, fill), a.handler(signIn)
	old := c.cookie()
	loop(b, func() {
		if !c.send(h) {
			b.Fatal("no new cookie")
		}
	})
	readable := a.handler(read)
	if !c.try(readable).ok() {
		b.Error("the new cookie does not open the session")
	}
	if (a.sessions != nil || a.merges) && c.with(old).try(readable).ok() {
		b.Error("the old cookie still opens the session")
	}
}

// inFlight is the number of concurrent requests on one session.
const inFlight = 64

// contended is 64 concurrent requests on one session, each incrementing a counter.
const contended work = "contended"

func benchContended(b *testing.B, a app) {
	c, h := start(b, a, fill), a.handler(write)
	cookie := c.cookie()
	b.SetParallelism(inFlight / runtime.GOMAXPROCS(0))
	var failed atomic.Int64
	loopParallel(b, func(pb *testing.PB) {
		c := c.with(cookie)
		for pb.Next() {
			if !c.try(h).ok() {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n != 0 {
		b.Errorf("%d requests failed", n)
	}
	n := countOf(b, a, c)
	if a.merges && n != b.N {
		b.Errorf("the counter is %d after %d requests", n, b.N)
	}
	b.ReportMetric(100*float64(n)/float64(b.N), "%kept")
}

// count is the work of reporting the counter.
const count work = "count"

// countTo sets a header field to the counter.
func countTo(w http.ResponseWriter, n func() int) { w.Header().Set("Count", strconv.Itoa(n())) }

func countOf(b *testing.B, a app, c *client) int {
	b.Helper()
	n, err := strconv.Atoi(c.try(a.handler(count)).header.Get("Count"))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func counted(b *testing.B, a app, c *client, want int) {
	b.Helper()
	if n := countOf(b, a, c); n != want {
		b.Errorf("the counter is %d after %d requests", n, want)
	}
}
