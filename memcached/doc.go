// Package memcached stores sessions on one or more memcached servers, through
// github.com/bradfitz/gomemcache.
//
// Use it to share sessions among machines if speed matters and a lost session costs
// its user no more than signing in again. Use database or google if sessions must
// survive a restart or a full server, or if you need to list sessions or sign a user
// out on all devices.
//
//	import _ "github.com/pump-go/sessions/memcached"
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store: "memcached",
//		URL:   "10.0.0.1;10.0.0.2",
//	})
//
// # URL
//
// Options.URL is a list of servers separated by semicolons. With the scheme
// memcached://, Options.Store can be omitted.
//
//	cache.example.com             on the default port, 11211
//	10.0.0.1;10.0.0.2:11212       two servers
//	[2001:db8::1];[2001:db8::2]:7 IPv6 addresses, in brackets
//	unix:/run/memcached.sock      a Unix socket, by its absolute path
//	memcached://a;b?timeout=250ms with a parameter
//
// The parameters:
//
//	timeout=1s                    the maximum time to connect, and to wait for an answer
//	max_idle=64                   the maximum number of idle connections to each server
//	max_item_size=1048576         the servers' -I option, in bytes; see Options.MaxItemSize
//
// Anything else is an error. Set max_idle to about the number of concurrent requests;
// requests beyond it open a new connection each.
//
// To use a memcache.Client of your own, for TLS for example, pass it to New. Its
// Timeout and MaxIdleConns apply; gomemcache's defaults are 500 ms and 2, and 2 is too
// few. If a connection turns out to be broken, the store closes the client's idle
// connections, which are most likely broken too.
//
// memcached has no passwords in its text protocol: anyone who can reach its port can
// read and change all sessions, though not derive their tokens. Keep it in a private
// network. Set Cookie.Secret, so that forged IDs are rejected without asking a server.
//
// # Several servers
//
// Each session is on one server, chosen by rendezvous hashing of the servers' names
// in the list. All programs that share sessions need the same list, in any order.
// Host names and addresses are different names, so use one or the other. A new server
// takes over its share of the sessions (the fifth server a fifth), and these sessions
// are lost; the others stay.
//
// While a server is down, requests for its sessions fail with the program's
// ErrorHandler, and so does the same share of new and renewed sessions; a retry gets
// another ID, and perhaps another server. Other sessions are not affected. The store
// does not fail over to another server: that would sign these users out, and later
// bring back old states of their sessions. For the same reason, flush or restart the
// servers before you go back to an earlier list: sessions that were changed or
// destroyed in between would come back.
//
// # What can be lost
//
//   - All sessions of a server that is restarted or flushed.
//   - Sessions on a full server: it evicts those least recently used, whether expired
//     or not. To the program, an evicted session looks like an expired one.
//
// A lost session is lost as a whole; a session is never damaged or in an older state.
// To lose few, give the servers enough memory (-m) and monitor their evictions
// counter, use them for sessions only, keep sessions small, and store in a database
// what the user would miss. A server with -M rejects new sessions instead of evicting
// old ones.
//
// # What is not supported
//
// Sessions cannot be listed, since memcached does not list its keys, nor found by
// owner: an index could be evicted, and sessions would be missing from it.
// Manager.All, Owned and DestroyOwned return errors.ErrUnsupported. To sign a user out
// everywhere, store a counter with the user in your database, copy it into the session
// at sign-in, treat sessions with a lower counter as signed out, and increment it.
// Manager.Find works.
//
// # Limits
//
// A session's data can be 512 bytes smaller than the servers' limit for an item:
// 1,048,064 bytes by default. Save returns sessions.ErrTooLarge for more without
// sending it. For larger sessions, set the servers' -I option and max_item_size. An
// owner has at most 255 bytes.
//
// The program's clock decides whether a session has expired. The server removes it a
// minute later, or a day later if its lifetime is more than 30 days, so the server's
// clock need not be exact. The protocol has no expiry after January 2038; such
// sessions stay on the server until they are evicted.
//
// A session's key is the namespace, a colon and Session.ID. To look at one:
//
//	get shop:4b3c…
//
// # Costs
//
//	a request that reads its session       1 get
//	a request that changes it              1 get, 1 cas
//	a new session                          1 add
//	a sign-out                             1 delete
//
// A server uses about 160 bytes per session besides its data, owner and namespace, and
// rounds the sum up by at most a quarter.
//
// Concurrent changes are not lost, and a deleted session does not come back: changes
// are compare-and-swap. Neither this package nor the client sends a command twice that
// changes something.
//
// A call returns soon after its context's deadline. If the context is canceled and its
// deadline is more than twice the timeout away, the call returns when the server
// answers or the timeout ends: watching for the cancellation would take longer than
// most answers.
package memcached
