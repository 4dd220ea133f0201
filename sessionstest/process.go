package sessionstest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A second process is this test's program again, with processEnv in its
// environment. It opens the same backend and answers the first process line by
// line: orders on its standard input, answers, marked, on its output.
const (
	processEnv    = "SESSIONSTEST_PROCESS"
	processMarker = "sessionstest:"
)

// assignment is where a second process finds the backend.
type assignment struct {
	Test                  string
	URL, DataDir, LockDir string
	Namespace, CookieName string
	Key                   string
	Clock                 driver.Millis
	// Timeout ends a process whose parent forgot it.
	Timeout time.Duration
}

// process is a second process, as the first one sees it.
type process struct {
	e       *env
	orders  io.WriteCloser
	answers *bufio.Scanner
	other   strings.Builder // what else it printed
}

// start starts a second process, whose orders are about the record at key.
func (e *env) start(key driver.Key) *process {
	e.ledger.sharedWithOthers()
	program, err := os.Executable()
	e.must(err, "finding the test's own program")
	a, err := json.Marshal(assignment{
		Test: e.suite.test,
		URL:  e.cfg.URL, DataDir: e.cfg.DataDir, LockDir: e.cfg.LockDir,
		Namespace: e.cfg.Namespace, CookieName: e.cfg.CookieName,
		Key: key.String(), Clock: e.clock.millis(), Timeout: e.suite.timeout,
	})
	e.must(err, "describing the backend to a second process")
	cmd := exec.CommandContext(e.ctx, program, "-test.run="+runPattern(e.suite.test), "-test.count=1")
	cmd.Env = append(os.Environ(), processEnv+"="+string(a),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the race detector waits a second otherwise
	p := &process{e: e}
	p.orders, err = cmd.StdinPipe()
	e.must(err, "starting a second process")
	out, err := cmd.StdoutPipe()
	e.must(err, "starting a second process")
	p.answers = bufio.NewScanner(out)
	var faults syncBuffer
	cmd.Stderr = &faults
	e.must(cmd.Start(), "starting a second process")
	e.atEnd(func() {
		_ = p.orders.Close() // its end of the work
		for p.answers.Scan() {
			fmt.Fprintln(&p.other, p.answers.Text())
		}
		if err := cmd.Wait(); err != nil {
			e.failf("a second process failed: %v\n%s%s", err, p.other.String(), faults.String())
		}
	})
	p.wants("ready")
	return p
}

// runPattern matches one test or subtest by its full name.
func runPattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// order sends an order without waiting for the answer.
func (p *process) order(order string) {
	_, err := io.WriteString(p.orders, order+"\n")
	p.e.must(err, "ordering a second process to "+order)
}

// answer waits for the next answer.
func (p *process) answer() string {
	for p.answers.Scan() {
		if answer, ok := strings.CutPrefix(p.answers.Text(), processMarker); ok {
			return answer
		}
		fmt.Fprintln(&p.other, p.answers.Text())
	}
	p.e.fatalf("a second process ended early")
	return ""
}

func (p *process) wants(want string) {
	if got := p.answer(); got != want {
		p.e.failf("a second process answered %q, want %q", got, want)
	}
}

// asks sends an order and compares the answer.
func (p *process) asks(order, want string) {
	p.order(order)
	if got := p.answer(); got != want {
		p.e.failf("%s in a second process gave %q, want %q", order, got, want)
	}
}

// serveIfAsked makes the test a second process's, if this process is one. It
// does not return then: the rest of the test is skipped.
func serveIfAsked(t *testing.T, h Harness) {
	asked, ok := os.LookupEnv(processEnv)
	if !ok {
		return
	}
	var a assignment
	if err := json.Unmarshal([]byte(asked), &a); err != nil {
		t.Fatalf("sessionstest: reading what a second process is to do: %v", err)
	}
	if a.Test != t.Name() {
		t.Skip("a second process works for another test")
	}
	if err := serve(t.Context(), h.Driver, a, os.Stdin, os.Stdout); err != nil {
		t.Fatalf("sessionstest: in a second process: %v", err)
	}
	t.Skip("a second process has done its work")
}

func serve(ctx context.Context, d driver.Driver, a assignment, orders io.Reader, answers io.Writer) error {
	key, err := driver.ParseKey(a.Key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	clock := &clock{now: a.Clock.Time()}
	s, err := d.Open(ctx, driver.Config{
		URL: a.URL, DataDir: a.DataDir, LockDir: a.LockDir, Namespace: a.Namespace, CookieName: a.CookieName,
		SweepInterval: -1, Now: clock.Now,
	}.WithDefaults())
	if err != nil {
		return err
	}
	w := &worker{s: s, key: key}
	fmt.Fprintln(answers, processMarker+"ready")
	for in := bufio.NewScanner(orders); in.Scan(); {
		fmt.Fprintln(answers, processMarker+w.do(ctx, in.Text()))
	}
	return s.Close()
}

// worker carries out orders on one record.
type worker struct {
	s      driver.Store
	key    driver.Key
	loaded driver.Record
}

func (w *worker) do(ctx context.Context, order string) string {
	verb, arg, _ := strings.Cut(order, " ")
	switch verb {
	case "load":
		rec, err := w.s.Load(ctx, w.key)
		if err != nil {
			return outcome(err)
		}
		w.loaded = rec
		return "ok " + string(rec.Data)
	case "save":
		return outcome(w.s.Save(ctx, w.key, w.loaded.Version, next(w.loaded, arg)))
	case "touch":
		return outcome(w.s.Touch(ctx, w.key, extended(w.loaded, hour)))
	case "delete":
		return outcome(w.s.Delete(ctx, w.key, 0))
	case "count":
		effort, err := time.ParseDuration(arg)
		if err != nil {
			return outcome(err)
		}
		return w.count(ctx, effort)
	}
	return "unknown order"
}

// count increments the counter up to 50 times and answers how often it did.
func (w *worker) count(ctx context.Context, effort time.Duration) string {
	n := 0
	for began := time.Now(); n < 50 && time.Since(began) < effort; {
		rec, err := w.s.Load(ctx, w.key)
		if err != nil {
			return outcome(err)
		}
		counter, err := strconv.Atoi(string(rec.Data))
		if err != nil {
			return outcome(err)
		}
		err = w.s.Save(ctx, w.key, rec.Version, next(rec, strconv.Itoa(counter+1)))
		switch {
		case err == nil:
			n++
		case !errors.Is(err, driver.ErrConflict):
			return outcome(err)
		}
	}
	return strconv.Itoa(n)
}

// outcome is an error in a word, or in its own words on one line.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, driver.ErrConflict):
		return "conflict"
	case errors.Is(err, driver.ErrNotFound):
		return "not found"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
