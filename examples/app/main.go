// App is a small shop that shows typical uses of sessions: signing in and out,
// "remember me", a cart, a visit counter, messages that survive a redirect, and
// the list of a user's signed-in devices.
//
//	go run ./examples/app        # then open http://127.0.0.1:8080
//	go run ./examples/app -h     # the stores and settings to try
//
// Start reading in app.go.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program immediately
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // package flag has printed the error
	case err != nil:
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	set, err := parseFlags(args, os.LookupEnv, stderr)
	if err != nil {
		return err
	}
	if set.needSecret() {
		set.makeSecret()
		log.Warn("generated a secret for this run, so a restart signs everyone out; set SESSIONS_SECRET to prevent that")
	}

	options := set.options(log)
	var binding *dbsc.Binding
	if set.deviceBound {
		if binding, err = dbsc.New(dbsc.Options{Exclude: []string{"/style.css", "/icon.svg"}}); err != nil {
			return err
		}
		options.Guard = binding
	}
	m, err := sessions.New(ctx, options)
	if err != nil {
		return err
	}
	// The manager closes last, since requests that are being drained need it.
	defer func() { err = errors.Join(err, m.Close()) }()

	l, err := net.Listen("tcp", set.addr)
	if err != nil {
		return err
	}
	scheme := "http"
	if set.tlsCert != "" {
		cert, err := tls.LoadX509KeyPair(set.tlsCert, set.tlsKey)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		scheme, l = "https", tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	fmt.Fprintf(stdout, "Serving %s://%s with the %s store. Ctrl-C stops it.\n", scheme, visitable(l.Addr()), set.storeName())

	a := &app{sessions: m, binding: binding, store: set.storeName(), timeout: set.timeout, lifetime: set.lifetime, log: log}
	return serve(ctx, l, a.handler(), log)
}

// drain is how long requests in progress may take after the signal to stop.
const drain = 10 * time.Second

// serve serves requests until ctx is done, then waits for those in progress.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	log.Info("stopping")
	// ctx is done, so the drain needs its own context.
	bound, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(bound); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off after %v: %w", drain, err), server.Close())
	}
	log.Info("stopped")
	return nil
}

// visitable returns an address that a browser on this machine can open.
func visitable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
