//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"
)

// clients send requests to the servers.
type clients struct {
	l     *ledger
	fleet *fleet
	http  *http.Client
}

func newClients(l *ledger, f *fleet, workers int) *clients {
	return &clients{l, f, &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// patience is how long a client waits for an answer: longer than any fault and
// any store call last, so that running out of it is a fault of its own.
const patience = 60 * time.Second

// ask carries out an order with a session, and judges the answer.
func (cs *clients) ask(s *subject, t *token, o *order, own *owner, hangUp time.Duration) response {
	c := cs.l.begin(s, t, o, own)
	value := ""
	if t != nil {
		value = t.value
	}
	r := cs.send(o, value, hangUp, c.began)
	c.finish(r)
	return r
}

// send sends an order with a token and reads the answer. If hangUp is not 0, the
// client goes away after that time.
func (cs *clients) send(o *order, token string, hangUp time.Duration, began time.Time) (r response) {
	cs.l.tally.operations.Add(1)
	addr, err := cs.fleet.pick()
	if err != nil {
		cs.l.add(unexplained, "%v", err)
		return response{outcome: nothing}
	}
	wait := patience
	if hangUp > 0 {
		wait = hangUp
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	body, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	// POST: net/http sends what is idempotent a second time by itself.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	if token != "" {
		req.Header.Set("Cookie", cookieName+"="+token)
	}
	resp, err := cs.http.Do(req)
	if err != nil {
		return cs.noAnswer(o, err, hangUp > 0 && ctx.Err() != nil, began)
	}
	defer resp.Body.Close()
	r.status = resp.StatusCode
	if err := cs.read(resp, &r, o, began); err != nil {
		return cs.noAnswer(o, err, hangUp > 0 && ctx.Err() != nil, began)
	}
	for _, line := range resp.Header["Set-Cookie"] {
		k, err := http.ParseSetCookie(line)
		if err != nil {
			cs.l.add(wrongCookie, "Set-Cookie: %q: %v", line, err)
			continue
		}
		if k.Name == cookieName {
			r.cookies = append(r.cookies, k)
		}
	}
	if r.status != http.StatusOK && r.status != http.StatusConflict {
		cs.l.tally.refused.Add(1)
	}
	return r
}

// noAnswer is what is known if none came, or a part of one.
func (cs *clients) noAnswer(o *order, err error, hungUp bool, began time.Time) response {
	var op *net.OpError
	switch {
	case hungUp:
		cs.l.tally.hungUp.Add(1)
	case o.Manner == panicking || o.Manner == saving:
		cs.l.tally.panics.Add(1)
	case !cs.l.weather.disturbed(began):
		cs.l.add(unexplained, "after %v: %v", time.Since(began), err)
	}
	switch {
	case errors.As(err, &op) && op.Op == "dial" && !hungUp:
		return response{outcome: nothing}
	case o.Manner == panicking:
		return response{outcome: nothing} // the handler never comes to its end
	default:
		return response{outcome: unknown}
	}
}

// read reads an answer to its end. An error means that it is not whole.
func (cs *clients) read(resp *http.Response, r *response, o *order, began time.Time) error {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4<<10), 1<<20)
	next := func(v any) error {
		if !lines.Scan() {
			return errors.Join(errors.New("the answer ends too soon"), lines.Err())
		}
		return json.Unmarshal(lines.Bytes(), v)
	}
	if r.status == http.StatusOK {
		if err := next(&r.reply); err != nil {
			return err
		}
		if o.Manner == streaming && (r.reply.Mark != "" || o.Life == create) {
			r.late = new(lateReply)
			if next(r.late) != nil {
				r.late = nil // its header has come, and says that the first part is committed
			}
		}
		return nil
	}
	var f failure
	if err := next(&f); err != nil {
		cs.l.add(unexplained, "answered %d with no error page of ours: %v", r.status, err)
		return err
	}
	switch f.Why {
	case ended:
		r.outcome = lost
		return nil
	case conflict:
		r.outcome = nothing
		return nil
	case noLoad:
		r.outcome = nothing
	case noSave:
		r.outcome = unknown
	}
	if r.status != http.StatusServiceUnavailable || !cs.l.weather.disturbed(began) {
		cs.l.add(unexplained, "answered %d: %s", r.status, f.Err)
	}
	return nil
}
