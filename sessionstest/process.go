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

// A second process is the same test binary, with processEnv in its environment.
// It opens the same backend, reads commands from its standard input, and writes
// an answer to each, prefixed with processMarker, to its standard output.
const (
	processEnv    = "SESSIONSTEST_PROCESS"
	processMarker = "sessionstest:"
)

// job tells a second process which test and backend it works for.
type job struct {
	Test                  string
	URL, DataDir, LockDir string
	Namespace, CookieName string
	Key                   string
	Clock                 driver.Millis
	// Timeout ends a process whose parent does not.
	Timeout time.Duration
}

// process is the first process's handle on a second one.
type process struct {
	e        *env
	commands io.WriteCloser
	answers  *bufio.Scanner
	other    strings.Builder // its other output
}

// start starts a second process, whose commands are about the record at key.
func (e *env) start(key driver.Key) *process {
	e.ledger.sharedWithOthers()
	program, err := os.Executable()
	e.must(err, "locating the test binary")
	a, err := json.Marshal(job{
		Test: e.suite.test,
		URL:  e.cfg.URL, DataDir: e.cfg.DataDir, LockDir: e.cfg.LockDir,
		Namespace: e.cfg.Namespace, CookieName: e.cfg.CookieName,
		Key: key.String(), Clock: e.clock.millis(), Timeout: e.suite.timeout,
	})
	e.must(err, "encoding the backend's location for a second process")
	cmd := exec.CommandContext(e.ctx, program, "-test.run="+runPattern(e.suite.test), "-test.count=1")
	cmd.Env = append(os.Environ(), processEnv+"="+string(a),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the race detector waits a second otherwise
	p := &process{e: e}
	p.commands, err = cmd.StdinPipe()
	e.must(err, "starting a second process")
	out, err := cmd.StdoutPipe()
	e.must(err, "starting a second process")
	p.answers = bufio.NewScanner(out)
	var faults syncBuffer
	cmd.Stderr = &faults
	e.must(cmd.Start(), "starting a second process")
	e.atEnd(func() {
		_ = p.commands.Close() // ends the process
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

// send sends a command without waiting for the answer.
func (p *process) send(command string) {
	_, err := io.WriteString(p.commands, command+"\n")
	p.e.must(err, "sending a second process the command "+command)
}

// answer waits for the next answer.
func (p *process) answer() string {
	for p.answers.Scan() {
		if answer, ok := strings.CutPrefix(p.answers.Text(), processMarker); ok {
			return answer
		}
		fmt.Fprintln(&p.other, p.answers.Text())
	}
	p.e.fatalf("a second process exited early")
	return ""
}

func (p *process) wants(want string) {
	if got := p.answer(); got != want {
		p.e.failf("a second process answered %q, want %q", got, want)
	}
}

// expect sends a command and compares the answer.
func (p *process) expect(command, want string) {
	p.send(command)
	if got := p.answer(); got != want {
		p.e.failf("%s in a second process returned %q, want %q", command, got, want)
	}
}

// serveSecondProcess runs the commands of the first process, if this is a second one.
// It then skips the rest of the test.
func serveSecondProcess(t *testing.T, h Harness) {
	encoded, ok := os.LookupEnv(processEnv)
	if !ok {
		return
	}
	var a job
	if err := json.Unmarshal([]byte(encoded), &a); err != nil {
		t.Fatalf("sessionstest: decoding the job of a second process: %v", err)
	}
	if a.Test != t.Name() {
		t.Skip("this second process runs another test")
	}
	if err := serve(t.Context(), h.Driver, a, os.Stdin, os.Stdout); err != nil {
		t.Fatalf("sessionstest: in a second process: %v", err)
	}
	t.Skip("this second process is done")
}

func serve(ctx context.Context, d driver.Driver, a job, commands io.Reader, answers io.Writer) error {
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
	for in := bufio.NewScanner(commands); in.Scan(); {
		fmt.Fprintln(answers, processMarker+w.do(ctx, in.Text()))
	}
	return s.Close()
}

// worker runs commands on one record.
type worker struct {
	s      driver.Store
	key    driver.Key
	loaded driver.Record
}

func (w *worker) do(ctx context.Context, command string) string {
	verb, arg, _ := strings.Cut(command, " ")
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
	return "unknown command"
}

// count increments the counter up to 50 times and answers with the number of
// successful increments.
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

// outcome returns a short word for an expected error, else its text on one line.
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
