// Package redis stores sessions in Redis or Valkey, through
// github.com/redis/go-redis/v9: on a single server, on a master that Sentinels watch,
// or on a Cluster.
//
// Use it to share sessions among machines if you have a Redis, and can accept what it
// can lose; see below. Use database if a change or a sign-out that was confirmed must
// survive the failure of any machine.
//
//	import _ "github.com/pump-go/sessions/redis"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "redis://app:password@10.0.0.1:6379/0"})
//
// It needs Redis 6.2 or later, or Valkey. Its tests run on Redis 7.0.
//
// # URL
//
// With one of these schemes, Options.Store can be omitted:
//
//	redis://[user:password@]host[:port][/database]   a single server
//	rediss://…                                       the same, with TLS
//	unix://[user:password@]/run/redis/redis.sock     a Unix socket
//	redis://host,host,host?master=NAME               Sentinels, on port 26379 by default
//	redis://host,host,host?cluster=true              some nodes of a Cluster
//
// valkey:// and valkeys:// are the same as redis:// and rediss://. A user and password
// are percent-encoded; the user can be omitted. The parameters:
//
//	db=0                    the number of the database, if it is not in the path
//	master=NAME             the hosts are Sentinels, which know the master by this name
//	sentinel_username=…     the user for the Sentinels
//	sentinel_password=…     the password for the Sentinels
//	cluster=true            the hosts are nodes of a Cluster
//	timeout=3s              the maximum time to connect, and to wait for an answer
//	pool_size=20            the maximum number of connections to each server;
//	                        the default is 10 for each CPU (for each node of a Cluster, 5)
//	wait=0                  the number of replicas that confirm each write; see below
//	ca=FILE                 with TLS: the certificates to trust, instead of the system's
//	cert=FILE, key=FILE     with TLS: the program's own certificate and its key
//	server_name=NAME        with TLS: the name in the server's certificate
//
// Anything else is an error. To use a client of your own, pass it to New.
//
// A Redis user (ACL) for the store needs its keys and these commands:
//
//	ACL SETUSER app on >password ~sessions:* +get +set +del +getrange
//	  +zadd +zrem +zrange +zrevrange +zremrangebyscore +pexpire
//	  +eval +evalsha +scan +info +wait +asking +readonly +cluster +hello +client|setinfo
//
// Without info the store cannot warn about an eviction policy; scan, cluster and wait are
// needed only for listings, a Cluster and the parameter wait. SCRIPT is not needed.
//
// # What can be lost
//
// Redis keeps its data in memory, and confirms a write before it is on disk or on a
// replica. To the program, a lost session looks like an expired one; a session that
// returns to an earlier state may also be one that was destroyed. This can happen:
//
//   - If the server's memory is full and its maxmemory-policy is not noeviction, it
//     evicts live sessions, or the index of an owner, so that DestroyOwned misses
//     sessions. All keys of this package have a time to live, so volatile-* evicts them
//     too. Set noeviction; new sessions and changes then fail until there is memory.
//     The store logs a warning once if the server may evict.
//   - If the server restarts without a file, all sessions are lost. With snapshots
//     (save) it returns to the last snapshot: changes since are lost, and sessions that
//     were destroyed since are back. With appendonly yes and appendfsync everysec, a
//     crash of Redis loses nothing, and one of the machine about one second. With
//     appendfsync always nothing is lost, and each write waits for the disk.
//   - Replication is asynchronous. When a replica becomes the master, by Sentinel, in a
//     Cluster or by hand, the writes that had not reached it are lost, though they were
//     confirmed. A master that is cut off from the others accepts writes until it
//     notices, and loses them when it returns; min-replicas-to-write bounds this.
//
// With wait=N a write returns when N replicas have confirmed it. If they do not within a
// second, or half of the time that the call has left, the call returns an error, and the
// store logs a warning once a minute. The write is not undone, so the manager then finds
// it and continues. Thus wait=N makes a loss rarer, and a loss without a warning much
// rarer, but cannot exclude it: of the replicas, another than the one that confirmed may
// become the master.
//
// # Costs
//
//	a request that reads its session        1 GET
//	a request that changes it               1 GET, 1 script
//	a new session                           1 SET
//	a sign-out                              1 GET, 1 script
//
// Each script is one round trip, works on one key, and is called by its hash. The store
// sends the text if the server does not know the hash, such as after a restart.
//
// A session with an owner has an entry in a sorted set of the owner. These cost one more
// round trip: a sign-in; the removal of a session with an owner; and for a session in
// use, one change or touch in each period as long as the session's lifetime, and at most
// a day. The entry is written before the session and outlives it, so Owned and
// DestroyOwned miss none.
//
//	Owned, DestroyOwned, per call           1 ZRANGE, and 1 round trip for 100 sessions
//	All                                     SCAN of all keys of all masters, those of
//	                                        other programs too, 1000 per round trip, and
//	                                        1 round trip for 100 sessions
//
// All keeps the keys that it has seen, about 50 bytes each. If slots of a Cluster are
// being moved, it scans again, at most three times in total; it may then miss a session
// that moves during each of the scans. KEYS is never used.
//
// Sessions are removed by the server, 10 minutes after they expire. The program's clock
// decides whether a session has expired; the server's clock only affects when its memory
// is freed, and may be set, or differ on a replica, by 10 minutes. Manager.Sweep is not
// supported, since there is nothing for it to do.
//
// # Limits and keys
//
// A session's data has at most 4 MiB; Save returns sessions.ErrTooLarge for more. All
// keys begin with "sessions:", the namespace and a colon:
//
//	sessions:shop:4b3c…         a session, by Session.ID
//	sessions:shop:owner:ann     the entries of an owner
//
// A session takes about 200 bytes of the server's memory besides its data and owner; one
// with an owner about 150 more.
//
// Concurrent changes are not lost, and a deleted session does not come back: changes are
// compare-and-swap. A command that changes something is sent once, also through a client
// of your own that has MaxRetries: a second one would fail because of the first.
// Redirections of a Cluster are followed.
//
// A call returns soon after its context's deadline. If the context is canceled earlier,
// the call returns when the server answers or the timeout ends.
//
// go-redis writes messages about Sentinels and connections to the standard error;
// go-redis's SetLogger changes that.
package redis
