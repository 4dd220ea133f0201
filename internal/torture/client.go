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

// clients sends requests to the servers.
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

// clientTimeout is how long a client waits for a response. It is longer than any
// fault and any store call, so reaching it is a violation.
const clientTimeout = 60 * time.Second

// do sends an operation with a session's token and judges the response.
func (cs *clients) do(s *session, t *token, o *operation, own *owner, hangUp time.Duration) response {
	c := cs.l.begin(s, t, o, own)
	value := ""
	if t != nil {
		value = t.value
	}
	r := cs.send(o, value, hangUp, c.began)
	c.finish(r)
	return r
}

// send sends an operation with a token and reads the response. If hangUp is not 0,
// the client disconnects after that time.
func (cs *clients) send(o *operation, token string, hangUp time.Duration, began time.Time) (r response) {
	cs.l.tally.operations.Add(1)
	addr, err := cs.fleet.pick()
	if err != nil {
		cs.l.add(unexplained, "%v", err)
		return response{outcome: notDone}
	}
	wait := clientTimeout
	if hangUp > 0 {
		wait = hangUp
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	body, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	path := "/"
	if o.Rotate {
		path = rotatingPath
	}
	// POST, since net/http may retry idempotent requests.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	if token != "" {
		req.Header.Set("Cookie", cookieName+"="+token)
	}
	resp, err := cs.http.Do(req)
	if err != nil {
		return cs.noResponse(o, err, hangUp > 0 && ctx.Err() != nil, began)
	}
	defer resp.Body.Close()
	r.status = resp.StatusCode
	if err := cs.read(resp, &r, o, began); err != nil {
		return cs.noResponse(o, err, hangUp > 0 && ctx.Err() != nil, began)
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

// noResponse returns the outcome if there was no response, or only a part.
func (cs *clients) noResponse(o *operation, err error, hungUp bool, began time.Time) response {
	var op *net.OpError
	switch {
	case hungUp:
		cs.l.tally.hungUp.Add(1)
	case o.Manner == panicking || o.Manner == saving:
		cs.l.tally.panics.Add(1)
	case !cs.l.timeline.faultSince(began):
		cs.l.add(unexplained, "after %v: %v", time.Since(began), err)
	}
	switch {
	case errors.As(err, &op) && op.Op == "dial" && !hungUp:
		return response{outcome: notDone}
	case o.Manner == panicking:
		return response{outcome: notDone} // the handler never returns, so nothing is committed
	default:
		return response{outcome: unknown}
	}
}

// read reads a response to its end. It returns an error if it is incomplete.
func (cs *clients) read(resp *http.Response, r *response, o *operation, began time.Time) error {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4<<10), 1<<20)
	next := func(v any) error {
		if !lines.Scan() {
			return errors.Join(errors.New("incomplete response"), lines.Err())
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
				r.late = nil // the header was sent, so the first part is committed
			}
		}
		return nil
	}
	var f failure
	if err := next(&f); err != nil {
		cs.l.add(unexplained, "status %d without our error page: %v", r.status, err)
		return err
	}
	switch f.Why {
	case ended:
		r.outcome = sessionEnded
		return nil
	case conflict:
		r.outcome = notDone
		return nil
	case noLoad:
		r.outcome = notDone
	case noSave:
		r.outcome = unknown
	}
	if r.status != http.StatusServiceUnavailable || !cs.l.timeline.faultSince(began) {
		cs.l.add(unexplained, "status %d: %s", r.status, f.Err)
	}
	return nil
}
