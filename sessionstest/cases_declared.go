package sessionstest

import (
	"errors"

	"github.com/pump-go/sessions/driver"
)

var declaredCases = []testCase{
	{"declared-list", 0, "a store implements Lister, or its harness declares why not.", nil, func(e *env) {
		s := e.open()
		l, ok := driver.As[driver.Lister](s)
		e.declared(List, "driver.Lister", ok, func() error {
			_, err := collect(l.All(e.ctx))
			return err
		})
	}},
	{"declared-owners", 0, "a store implements Owners, or its harness declares why not.", nil, func(e *env) {
		s := e.open()
		o, ok := driver.As[driver.Owners](s)
		e.declared(Owners, "driver.Owners", ok, func() error {
			_, err := collect(o.Owned(e.ctx, "somebody"))
			return err
		})
	}},
	{"declared-sweep", 0, "a store implements Sweeper, or its harness declares why not.", nil, func(e *env) {
		s := e.open()
		w, ok := driver.As[driver.Sweeper](s)
		e.declared(Sweep, "driver.Sweeper", ok, func() error {
			_, err := w.Sweep(e.ctx)
			return err
		})
	}},
}

// declared compares what the store implements with the harness's Cannot.
func (e *env) declared(a Ability, iface string, implements bool, call func() error) {
	_, cannot := e.suite.Cannot[a]
	var err error
	if implements {
		err = call()
	}
	unsupported := errors.Is(err, errors.ErrUnsupported)
	switch {
	case !implements && !cannot:
		e.failf("the store does not implement %s; implement it or declare Cannot[%s]", iface, a)
	case unsupported && !cannot:
		e.failf("the store's %s returns errors.ErrUnsupported; implement it or declare Cannot[%s]", iface, a)
	case implements && cannot && !unsupported:
		e.failf("Cannot[%s] is declared, but the store implements %s (it returned the error %v); remove the declaration, or return errors.ErrUnsupported", a, iface, err)
	case !cannot:
		e.must(err, iface)
	}
}
