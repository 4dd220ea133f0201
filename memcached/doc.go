// Package memcached keeps sessions on memcached servers, as many as you like,
// through github.com/bradfitz/gomemcache.
//
// Choose it if several machines are to share sessions, if speed counts, and if
// a session that goes missing costs its user no more than signing in again.
// Choose database or google if sessions must outlast a restart or a full
// server, or if "log out my other devices" is to work.
//
//	import _ "github.com/pump-go/sessions/memcached"
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store: "memcached",
//		URL:   "10.0.0.1;10.0.0.2",
//	})
//
// # URLs
//
// Options.URL is a list of servers, separated by semicolons. With the scheme
// memcached:// before it, Options.Store may be left out.
//
//	cache.example.com             port 11211, memcached's own
//	10.0.0.1;10.0.0.2:11212       two servers
//	[2001:db8::1];[2001:db8::2]:7 IPv6, in brackets
//	unix:/run/memcached.sock      a socket; the path is absolute
//	memcached://a;b?timeout=250ms with a parameter
//
// The parameters:
//
//	timeout=1s                    how long a server may take to connect, and then to answer
//	max_idle=64                   how many idle connections are kept for each server
//	max_item_size=1048576         what the servers' -I says, in bytes; see Options.MaxItemSize
//
// Anything else is an error. Set max_idle to about the number of requests that
// use their sessions at the same time: what is over it connects anew each time.
//
// A program with a memcache.Client of its own, for TLS say, gives it to New. Its
// Timeout and MaxIdleConns then count (gomemcache's defaults are 500 ms and 2,
// and 2 is few). When a connection turns out to be broken, the store has the
// client drop its idle ones, which are most likely broken too; it goes on with
// new ones.
//
// memcached asks nobody for a password, and whoever reaches its port can read
// and change all sessions, though not find the tokens of live ones. Keep it in a
// private network. Cookie.Secret is worth having here: ids that the program did
// not sign cost no question to the servers.
//
// # Which server has a session
//
// Each session has one server, by rendezvous hashing over the servers' names as
// the list has them. All programs that share sessions must have the same list;
// its order does not matter. But a host's name and its address count as two
// servers, so use the one or the other. A server that is added takes over its
// share of the sessions, a fifth if it is the fifth, and with that these
// sessions are lost. The rest stay.
//
// A server that is down or hangs keeps its share: until it is back, its sessions
// fail, with the program's ErrorHandler, and so does the same share of those that
// begin or get a new id; whoever tries again is given another id, and with luck
// another server. All other sessions go on. To ask another server for its own
// sessions would sign these users out now, and bring back old states of their
// sessions later. For the same reason, mind that going back to an earlier
// list of servers finds what is still stored there: sessions that were changed,
// or signed out of, in between come back as they were. Restart, or flush, the
// servers that sessions move back to.
//
// # A cache may forget
//
//   - A restart of a server loses its sessions. So does flush_all.
//   - A server that is full evicts what was not used for the longest time, long
//     before it expires. Nobody can tell that from a session that expired: it
//     is not there, and its user has to sign in again.
//
// A session that is gone is gone whole; none is ever half there or in an older
// state. To lose few: give the servers memory enough (-m) and watch that their
// evictions counter stays 0; let them hold sessions and nothing else; keep
// sessions small, and put into the database what the user would miss. A server
// that is run with -M refuses new sessions rather than evict old ones.
//
// # What it cannot do
//
// It cannot list sessions: memcached does not name its keys. Nor can it find
// those of an owner: an index of them could be evicted, and would then leave
// sessions signed in that were to be signed out. Manager.All, Owned and
// DestroyOwned answer errors.ErrUnsupported. Instead, keep a number with the
// user in your database, put it into the session when the user signs in, and
// take a session with an older number for signed out; to sign out everywhere is
// then to count up. Manager.Find works, for whoever has the id.
//
// # Limits
//
// A session may have 512 bytes less of data than the servers take for an item:
// 1,048,064 bytes as memcached comes. More is sessions.ErrTooLarge, before
// anything is sent. For more, run the servers with -I and say so with
// max_item_size. An owner has at most 255 bytes.
//
// Expiry is decided by the program's clock, on what is stored with each session.
// The server clears up a minute later, or a day if the session was to stay for
// more than 30 days, so that its clock need not be right. An expiry after
// January 2038 does not fit into the protocol: the server then keeps the session
// until it is evicted.
//
// The key of a session is the namespace, a colon and Session.ID, so a session
// can be looked at with
//
//	get shop:4b3c…
//
// # What it costs
//
// A request that reads its session costs one get; one that changes it, a get and
// a cas; a new session is one add, and signing out one delete. A server keeps
// about 160 bytes for each session besides its data, its owner and the namespace,
// and rounds the sum up to one of its sizes, by a quarter at most.
//
// Nothing that was changed in parallel is lost, and nothing that was deleted
// comes back: all changes are compare-and-swap. No command that changes
// something is ever sent twice by this package or the client.
//
// A call returns when its context is past its deadline. Where the context is
// merely cancelled, and its deadline is further away than twice the timeout, it
// returns when the server has answered or the timeout has passed: to watch
// for it would take longer than most answers.
package memcached
