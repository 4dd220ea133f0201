//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// fleet manages the server processes of a run.
type fleet struct {
	setup    setup
	timeline *faultTimeline
	leave    func() // closes the clients' idle connections
	v        *violations
	slots    []*slot
}

// slot holds one server process, and in turn those that replace it.
type slot struct {
	f    *fleet
	mu   sync.Mutex // held while the process is replaced or controlled
	p    *process
	addr atomic.Pointer[string] // nil: not available
}

// process is one server process.
type process struct {
	cmd      *exec.Cmd
	in       io.Closer // closed to request an orderly shutdown
	addr     string
	left     chan *leftovers // its report at shutdown, or nil
	exited   chan struct{}
	said     bytes.Buffer // standard error
	expected atomic.Bool  // its end is intended
}

func startFleet(c setup, n int, t *faultTimeline, v *violations) (*fleet, error) {
	f := &fleet{setup: c, timeline: t, v: v}
	for range n {
		s := &slot{f: f}
		f.slots = append(f.slots, s)
		if err := s.start(); err != nil {
			f.kill()
			return nil, err
		}
	}
	return f, nil
}

// launch starts a process and returns when it listens.
func (f *fleet) launch() (*process, error) {
	encoded, err := json.Marshal(f.setup)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program), left: make(chan *leftovers, 1), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), serverEnv+"="+string(encoded), "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // only the parent handles the terminal's interrupt
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	ready := lines.Scan()
	p.addr, ready = strings.CutPrefix(lines.Text(), "ready ")
	go func() {
		defer close(p.exited)
		var told *leftovers
		for lines.Scan() {
			if l, ok := strings.CutPrefix(lines.Text(), "left "); ok {
				told = new(leftovers)
				if json.Unmarshal([]byte(l), told) != nil {
					told = nil
				}
			}
		}
		err := p.cmd.Wait()
		p.left <- told
		if ready && (!p.expected.Load() || p.said.Len() > 0) {
			f.v.add(died, "%v: %.4000s", err, p.said.String())
		}
	}()
	if !ready {
		<-p.exited
		return nil, fmt.Errorf("a server process did not start: %s", p.said.String())
	}
	return p, nil
}

// start starts the slot's process. It retries, since a process may fail to start
// during a fault.
func (s *slot) start() error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		p, err := s.f.launch()
		if err == nil {
			s.p = p
			s.addr.Store(&p.addr)
			go s.watch(p)
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// watch replaces a process that died unexpectedly.
func (s *slot) watch(p *process) {
	<-p.exited
	if p.expected.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.p == p && !p.expected.Load() {
		if err := s.start(); err != nil {
			s.f.v.add(died, "restarting: %v", err)
		}
	}
}

// kill ends the slot's process with SIGKILL and starts another.
func (s *slot) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	return s.start()
}

// end ends the process with SIGKILL.
func (s *slot) end() {
	s.p.expected.Store(true)
	_ = s.p.cmd.Process.Kill()
	<-s.p.exited
	s.addr.Store(nil)
}

// deploy starts another process, then shuts the old one down and checks what it
// leaves.
func (s *slot) deploy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.p
	if err := s.start(); err != nil {
		return err
	}
	return s.f.retire(old)
}

// retire shuts a process down in order.
func (f *fleet) retire(p *process) error {
	began := time.Now()
	p.expected.Store(true)
	f.leave() // Shutdown waits seconds for a new connection without a request
	_ = p.in.Close()
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // prints its stacks
		<-p.exited
	}
	told := <-p.left
	switch {
	case told == nil:
		f.v.add(died, "a server process did not shut down in order: %.4000s", p.said.String())
	case !told.nothing():
		f.v.add(leak, "%v", told)
	case told.Close != "" && !f.timeline.during(began, time.Now(), backendFault):
		f.v.add(unexplained, "closing: %s", told.Close)
	}
	return nil
}

// stop stops the process for a while. Only a few clients use it during that time.
func (s *slot) stop(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(20 * time.Millisecond) // let some requests be affected
	s.addr.Store(nil)
	time.Sleep(d)
	defer s.addr.Store(&s.p.addr)
	return s.p.cmd.Process.Signal(syscall.SIGCONT)
}

// retireAll shuts all processes down in order.
func (f *fleet) retireAll() error {
	var errs []error
	for _, s := range f.slots {
		s.mu.Lock()
		s.addr.Store(nil)
		errs = append(errs, f.retire(s.p))
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// kill ends all processes.
func (f *fleet) kill() {
	for _, s := range f.slots {
		s.mu.Lock()
		if s.p != nil {
			s.end()
		}
		s.mu.Unlock()
	}
}

// pick returns the address of a process.
func (f *fleet) pick() (string, error) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, i := range rand.Perm(len(f.slots)) {
			if addr := f.slots[i].addr.Load(); addr != nil {
				return *addr, nil
			}
		}
	}
	return "", errors.New("no server process for two minutes")
}

// control sends a process a control command. The result is decoded into into, if
// that is not nil.
func (s *slot) control(what string, n int64, into any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controlLocked(what, n, into)
}

func (s *slot) controlLocked(what string, n int64, into any) error {
	client := http.Client{Timeout: clientTimeout}
	defer client.CloseIdleConnections()
	resp, err := client.PostForm("http://"+s.p.addr+"/control/"+what, url.Values{"n": {strconv.FormatInt(n, 10)}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", what, bytes.TrimSpace(body))
	case into != nil:
		return json.Unmarshal(body, into)
	}
	return nil
}
