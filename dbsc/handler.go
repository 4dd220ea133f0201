package dbsc

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pump-go/sessions"
)

// Handler returns a handler that answers the protocol's requests, whose paths are below
// Options.Path, and calls next for all others. It must be inside the Manager's Wrap.
// Middleware around it must let POST requests without a body pass, and must not redirect
// them.
func (b *Binding) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := b.refresh
		switch r.URL.Path {
		default:
			next.ServeHTTP(w, r)
			return
		case b.o.Path + "/register":
			answer = b.register
		case b.o.Path + "/refresh":
		}
		if !b.started.Load() {
			panic("dbsc: the Binding is not the Options.Guard of a Manager")
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // other sites must not learn who is signed in
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer(w, r)
	})
}

var (
	errNotOffered = fmt.Errorf("dbsc: not offered to this session: %w", sessions.ErrRefused)
	errOtherKey   = fmt.Errorf("dbsc: the session is bound to another key: %w", sessions.ErrRefused)
	errTooLate    = fmt.Errorf("dbsc: registered too long ago to be answered again: %w", sessions.ErrRefused)
	errForeign    = fmt.Errorf("dbsc: not the binding of this session: %w", sessions.ErrRefused)
	errUnproven   = fmt.Errorf("dbsc: no proof of the device: %w", sessions.ErrRefused)
)

// register answers a registration. Each refusal is the same, so that it shows nothing
// of the session, and its status makes the browser give up: a challenge in a refusal
// would be an offer at any time.
func (b *Binding) register(w http.ResponseWriter, r *http.Request) {
	p, err := parseProof(r.Header.Get("Secure-Session-Response"))
	if err != nil || p.jwk == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	challenge, ok := b.fresh(registration, p.challenge)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var bound binding
	err = b.hold(r.Context(), func(h sessions.Held) error {
		// The signature last, so that it costs nobody else's challenge anything.
		if h.ByHeader() || h.Owner() == "" || !b.genuine(challenge, registrationTag(h)) {
			return errNotOffered
		}
		key, err := parseKey(p.alg, p.jwk)
		if err != nil || !p.verify(key) {
			return errNotOffered
		}
		h.Quiet()
		bound, err = b.bind(h, key)
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, sessions.ErrRefused), errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrEnded), errors.Is(err, sessions.ErrConflict):
		w.WriteHeader(http.StatusBadRequest)
		return
	default:
		b.unavailable(w, err)
		return
	}
	b.setCookie(w.Header(), bound)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b.instructions(bound))
}

// bind binds the session to the key, unless it is bound to another one by now. The same
// key again gets the same binding: browsers send a registration again if its answer was
// lost.
func (b *Binding) bind(h sessions.Held, key publicKey) (bound binding, err error) {
	other := false
	decide := func(old []byte) (note []byte, err error) {
		bound, err = parseNote(old)
		other = false
		switch {
		case errors.Is(err, errNoBinding):
		case err != nil:
			return nil, err
		case bound.key.equal(key) && bound.confirmed != 0 && b.now().Sub(time.UnixMilli(bound.since)) >= refreshLife:
			return nil, errTooLate // a captured proof is good no longer than one of a refresh
		case bound.key.equal(key):
			return old, nil
		case bound.confirmed != 0:
			other = true
			return nil, errOtherKey
		default:
			other = true
		}
		bound = binding{since: b.now().UnixMilli(), key: key}
		rand.Read(bound.id[:])
		return bound.note(), nil
	}
	note, err := decide(h.Note())
	if err == nil && !bytes.Equal(note, h.Note()) {
		err = h.EditNote(decide)
	}
	if other {
		b.log.Warn("sessions: two devices registered for one session", "session", h.ID())
	}
	return bound, err
}

// refresh answers a refresh: with a new bound cookie for a good proof, and else with a
// challenge. It ends the browser's side of a binding only if there is none here.
func (b *Binding) refresh(w http.ResponseWriter, r *http.Request) {
	// Pages cannot set this field, so other sites cannot ask who is signed in.
	ids := r.Header["Sec-Secure-Session-Id"]
	if len(ids) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	id, ok := decode(unquote(ids[0]))
	if !ok || len(id) != len(binding{}.id) {
		b.discontinue(w)
		return
	}
	var bound binding
	known := false
	err := b.hold(r.Context(), func(h sessions.Held) (err error) {
		if bound, err = parseNote(h.Note()); errors.Is(err, errNoBinding) || err == nil && string(bound.id[:]) != string(id) {
			return errForeign
		}
		if err != nil {
			return err
		}
		known = true
		h.Quiet()
		if !b.proves(r, bound) {
			return errUnproven // so that nothing else uses the session in this request
		}
		return nil
	})
	switch {
	case err == nil:
		b.setCookie(w.Header(), bound)
		w.WriteHeader(http.StatusOK)
	case known, errors.Is(err, sessions.ErrEnded): // the latter was renewed meanwhile
		// The browser keeps a challenge that comes with a good proof, and would make its
		// next proof ahead. So it gets one only here.
		w.Header().Set("Secure-Session-Challenge", fmt.Sprintf(`"%s";id="%s"`, b.newChallenge(refresh, id), encoding.EncodeToString(id)))
		w.WriteHeader(http.StatusForbidden)
	case errors.Is(err, sessions.ErrRefused), errors.Is(err, sessions.ErrNotFound):
		b.discontinue(w)
	default:
		b.unavailable(w, err)
	}
}

// proves reports whether the request has a proof over a challenge for the binding. The
// challenge comes first: it costs less to verify than a signature.
func (b *Binding) proves(r *http.Request, bound binding) bool {
	p, err := parseProof(r.Header.Get("Secure-Session-Response"))
	if err != nil {
		return false
	}
	challenge, ok := b.fresh(refresh, p.challenge)
	return ok && b.genuine(challenge, bound.id[:]) && p.verify(bound.key)
}

// discontinue ends the browser's side of the binding.
func (b *Binding) discontinue(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"continue":false}`)
}

// unavailable answers during an outage of the store. Any status below 500 would make
// the browser end the binding.
func (b *Binding) unavailable(w http.ResponseWriter, err error) {
	b.log.Error("sessions: proof of a device not answered", "error", err)
	w.WriteHeader(http.StatusServiceUnavailable)
}

// instructions is the answer to a registration. It names no origin and no host, so that
// it is right behind any proxy.
func (b *Binding) instructions(bound binding) []byte {
	type rule struct {
		Type   string `json:"type"`
		Domain string `json:"domain"`
		Path   string `json:"path"`
	}
	type scope struct {
		IncludeSite bool   `json:"include_site"`
		Rules       []rule `json:"scope_specification,omitempty"`
	}
	type credential struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		Attributes string `json:"attributes"`
	}
	answer := struct {
		ID          string       `json:"session_identifier"`
		RefreshURL  string       `json:"refresh_url"`
		Scope       scope        `json:"scope"`
		Credentials []credential `json:"credentials"`
	}{
		ID:          encoding.EncodeToString(bound.id[:]),
		RefreshURL:  b.o.PublicPath + "/refresh",
		Credentials: []credential{{"cookie", b.cookie.Name, b.attributes}},
	}
	for _, path := range b.o.Exclude {
		answer.Scope.Rules = append(answer.Scope.Rules, rule{"exclude", "*", path})
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // strings only
	}
	return text
}
