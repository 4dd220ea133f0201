//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/pump-go/sessions"
)

// site is the application under test: a handler that performs the operation in
// the request.
type site struct{ m *sessions.Manager }

func (st *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o operation
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s := st.m.FromContext(r.Context())
	rep := reply{Blind: o.Blind}
	switch o.Life {
	case destroyOwned:
		if _, err := st.m.DestroyOwned(r.Context(), o.Owner); err != nil {
			rep.Others = err.Error()
		}
		answer(w, &rep)
		return
	case listOwned:
		rep.list(st.m, r, o.Owner)
		answer(w, &rep)
		return
	}
	if !o.Blind {
		if s.Err() != nil {
			return // the middleware sends the error page
		}
		rep.look(s)
		switch {
		case o.Life == probe:
			if rep.Mark == "" {
				o.Touch.perform(s)
			}
			answer(w, &rep)
			return
		case rep.Mark != "", o.Life == create:
		case o.Life == signIn && o.Begin != "":
			rep.Began = o.Begin
			markKey.Set(s, o.Begin)
		default:
			answer(w, &rep) // there is no session, and none must be created
			return
		}
	}
	if o.Pause > 0 {
		time.Sleep(time.Duration(o.Pause) * time.Millisecond)
	}
	if o.Devices && rep.Owner != "" {
		rep.list(st.m, r, rep.Owner)
	}
	mark := rep.Mark
	if o.Mark != "" {
		mark = o.Mark
	}
	st.live(s, r, &o, &rep)
	apply(s, mark, o.Changes, &rep)
	switch o.Manner {
	case panicking:
		panic(http.ErrAbortHandler)
	case saving:
		_ = s.Save(r.Context())
		panic(http.ErrAbortHandler)
	case streaming:
		stream(w, r, s, mark, &o, &rep)
		return
	}
	if o.Save && s.Save(r.Context()) == nil {
		rep.Saved = true
		rep.Totals = totals(s)
	}
	answer(w, &rep)
}

// live performs the operation's effect on the whole session.
func (st *site) live(s *sessions.Session, r *http.Request, o *operation, rep *reply) {
	switch o.Life {
	case create:
		switch o.By {
		case signIn:
			_ = s.SetOwner(o.Owner)
		case renew:
			_ = s.Renew()
		case invalidate:
			_ = s.Invalidate()
		}
		markKey.Set(s, o.Mark)
		if o.Timeout > 0 {
			_ = s.SetIdleTimeout(time.Duration(o.Timeout) * time.Millisecond)
		}
	case invalidate:
		_ = s.Invalidate()
		markKey.Set(s, o.Mark)
	case signIn:
		if o.Mark != "" {
			markKey.Set(s, o.Mark)
		}
		_ = s.SetOwner(o.Owner)
		_ = s.Renew()
	case renew:
		_ = s.Renew()
	case signOut:
		_ = s.Destroy(r.Context()) // if it fails, the commit fails too
	case signOutOthers:
		if _, err := st.m.DestroyOwned(r.Context(), rep.Owner, s); err != nil {
			rep.Others = err.Error()
		}
	case stay:
		if o.Mark != "" {
			markKey.Set(s, o.Mark)
		}
	case settings:
		markKey.Set(s, o.Mark)
		_ = s.SetIdleTimeout(time.Hour)
	}
}

func apply(s *sessions.Session, mark string, changes []change, rep *reply) {
	for _, ch := range changes {
		switch ch.Kind {
		case count:
			counterKey(ch.N).Update(s, func(n int) int { return n + 1 })
		case set:
			cellKey(ch.N).Set(s, newValue(mark, ch.Seq, ch.Size))
		case edit:
			if v, ok := cellKey(ch.N).Get(s); ok && v != nil {
				*v = *newValue(mark, ch.Seq, ch.Size)
			} else {
				cellKey(ch.N).Set(s, newValue(mark, ch.Seq, ch.Size))
			}
		case unset:
			cellKey(ch.N).Delete(s)
		case pop:
			if v, ok := cellKey(ch.N).Pop(s); ok {
				rep.Popped[ch.N] = v.sighting()
			}
		case note:
			notes.Add(s, newValue(mark, ch.Seq, ch.Size))
		case take:
			for _, v := range notes.Take(s) {
				rep.Taken = append(rep.Taken, v.sighting())
			}
		}
	}
}

func totals(s *sessions.Session) (n [counters]int) {
	for i := range n {
		n[i], _ = counterKey(i).Get(s)
	}
	return n
}

// perform touches the session, which is empty.
func (t touch) perform(s *sessions.Session) {
	switch t {
	case popNothing:
		cellKey(ticket).Pop(s)
	case takeNothing:
		notes.Take(s)
	case deleteOne:
		counterKey(0).Delete(s)
	case clearAll:
		s.Clear()
	case setIdle:
		_ = s.SetIdleTimeout(idleTimeout / 2)
	case unsetOwner:
		_ = s.SetOwner("")
	}
}

// list records the owner's sessions in the reply.
func (rep *reply) list(m *sessions.Manager, r *http.Request, owner string) {
	for s, err := range m.Owned(r.Context(), owner) {
		if err != nil {
			rep.Others = err.Error()
			continue
		}
		mark, _ := markKey.Get(s)
		rep.Devices = append(rep.Devices, listed{ID: s.ID(), Mark: mark, Owner: s.Owner()})
	}
}

// look records the session's contents in the reply, which must be empty if there
// is no session.
func (rep *reply) look(s *sessions.Session) {
	rep.Mark, _ = markKey.Get(s)
	rep.Owner = s.Owner()
	rep.Counts = totals(s)
	for i := range rep.Cells {
		if v, ok := cellKey(i).Get(s); ok && v != nil {
			rep.Cells[i] = v.sighting()
		}
	}
	for _, v := range notes.Peek(s) {
		rep.Notes = append(rep.Notes, v.sighting())
	}
}

// stream sends the header and the reply, then changes the session again.
func stream(w http.ResponseWriter, r *http.Request, s *sessions.Session, mark string, o *operation, rep *reply) {
	answer(w, rep)
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	apply(s, mark, o.Late, rep)
	time.Sleep(time.Duration(o.Pause) * time.Millisecond)
	err := s.Save(r.Context())
	line, _ := json.Marshal(lateReply{Saved: err == nil, Ended: errors.Is(err, sessions.ErrEnded), Totals: totals(s)})
	_, _ = w.Write(append(line, '\n'))
}

func answer(w io.Writer, rep *reply) {
	line, err := json.Marshal(rep)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(append(line, '\n'))
}

// errorPage is the ErrorHandler. It sends the checker the kind of the failure.
func errorPage(w http.ResponseWriter, r *http.Request, err error) {
	f := failure{noSave, err.Error()}
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, sessions.ErrEnded):
		f.Why, status = ended, http.StatusConflict
	case errors.Is(err, sessions.ErrConflict):
		f.Why, status = conflict, http.StatusConflict
	case sessions.FromContext(r.Context()).Err() != nil:
		f.Why = noLoad
	case errors.Is(err, sessions.ErrInvalidValue), errors.Is(err, sessions.ErrTooLarge), errors.Is(err, sessions.ErrHeaderSent):
		status = http.StatusInternalServerError // never caused by a fault
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(f)
}
