// Package natsdriver keeps sessions in a key-value bucket of NATS JetStream,
// through github.com/nats-io/nats.go. It is an example of a driver by a third
// party, to copy from: docs/writing-a-driver.md in the sessions module builds it
// step by step. It is complete all the same.
//
//	import _ "github.com/pump-go/sessions/examples/natsdriver"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "nats://user:password@10.0.0.1:4222/sessions"})
//
// # URLs
//
//	nats://[user:password@]host[:port][/bucket]    the bucket is "sessions" if left out
//	tls://…                                        the same over TLS; set Store to "nats"
//
// # The server
//
// NATS 2.11 or later, with JetStream. The store makes the bucket with one replica
// if it is not there. To have more, make it beforehand, as the stream KV_bucket on
// the subjects $KV.bucket.>, with allow_msg_ttl, max_msgs_per_subject 1, discard
// new, and without allow_direct, deny_delete and deny_purge: reads then go to the
// leader, which knows what was acknowledged last. The store refuses others.
//
// A message is on disk when it is acknowledged, and is synced to it by the
// server's sync_interval: a crash of the machine can lose the last changes, a
// sign-out too, where there is one replica.
//
// # Limits and layout
//
// A session's data may have 1020 KiB; the server's max_payload must be 1 MiB, its
// default, or more. Expiry is decided by the program's clock. The server removes
// a session a minute later by its own: there is no Sweep. The names of up to 100,000
// sessions are listed in one step, a sixteenth of all at a time.
//
//	$KV.bucket.shop.s.4.4b3c…       a session of the namespace shop, by Session.ID
//	$KV.bucket.shop.o.YW5u.4b3c…    it may belong to the owner "ann", in base64url
//
// A request that reads its session costs one round trip. One that changes it costs
// two more, and a third if the session has an owner.
package natsdriver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("nats", driver.OpenFunc(open)) }

func open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	cfg = cfg.WithDefaults()
	bucket, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("natsdriver: open: %w", err)
	}
	conn, err := nats.Connect(cfg.URL,
		nats.RetryOnFailedConnect(true), // a server that is down is no error here
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.ReconnectBufSize(-1), // fail a call now rather than send it later
	)
	if err != nil {
		return nil, errors.New("natsdriver: open: Options.URL was refused by the client") // its error may quote the URL
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("natsdriver: open: %w", err)
	}
	namespace := "_" // no namespace begins with it
	if cfg.Namespace != "" {
		namespace = strings.ReplaceAll(cfg.Namespace, ".", "/") // one token of a subject
	}
	return &store{conn: conn, js: js, bucket: bucket, prefix: "$KV." + bucket + "." + namespace, now: cfg.Now}, nil
}

var validPath = regexp.MustCompile(`^(/[a-zA-Z0-9_-]*)?$`)

func parseURL(s string) (bucket string, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || !validPath.MatchString(u.Path) {
		// Without the cause: it quotes the URL, password and all.
		return "", errors.New("Options.URL must be like nats://user:password@host:4222/bucket")
	}
	if len(u.Path) > 1 {
		return u.Path[1:], nil
	}
	return "sessions", nil
}
