// Package redis stores sessions in Redis or Valkey, through
// github.com/redis/go-redis/v9: on a single server, with Sentinel, or on a Cluster.
//
// Use it to share sessions among machines if you run Redis and can accept the losses
// described below. If a confirmed change or sign-out must survive the failure of any
// machine, use the database store.
//
//	import _ "github.com/pump-go/sessions/redis"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "redis://app:password@10.0.0.1:6379/0"})
//
// It needs Redis 6.2 or later, or Valkey. Its tests, of all three deployments, have
// passed on Redis 6.2.16 and 7.0.15, and on Valkey 8.0.1.
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
// Without info, the store cannot warn about an eviction policy. scan is needed only for
// listings, cluster for a Cluster, and wait for the parameter wait. SCRIPT is not needed.
//
// # What can be lost
//
// Redis keeps its data in memory, and by default confirms a write before it is on disk or
// on a replica. So it can lose sessions, which then look expired, and it can lose changes,
// so that a session has an earlier state or a destroyed session is back:
//
//   - If the server's memory is full and its maxmemory-policy is not noeviction, it
//     evicts live sessions, or the index of an owner, so that DestroyOwned misses
//     sessions. All keys of this package have a time to live, so volatile-* evicts them
//     too. Set noeviction; new sessions and changes then fail until there is memory.
//     If the server may evict sessions, the store logs a warning after its first call.
//   - If the server restarts without persistence, all sessions are lost. With snapshots
//     (save), changes since the last snapshot are lost, and sessions that were destroyed
//     since then are back. With appendonly yes and appendfsync everysec, a crash of Redis
//     loses nothing, and a crash of the machine loses about one second. With appendfsync
//     always, nothing is lost, and each write waits for the disk.
//   - Replication is asynchronous. When a replica becomes the master, by Sentinel, in a
//     Cluster or by hand, confirmed writes that had not reached it are lost. A master that
//     is cut off from the others accepts writes until it notices, and loses them when it
//     reconnects; min-replicas-to-write limits this time.
//
// With wait=N, a write returns when N replicas have confirmed it. If they do not do so
// within a second, or within half of the call's remaining time, the call returns an error,
// and the store logs a warning, at most once a minute. The write is not undone, so the
// manager finds it and continues. wait=N makes losses rare, and losses without a warning
// rarer, but it cannot exclude them: a replica that did not confirm the write may become
// the master.
//
// # Costs
//
//	a request that reads its session        1 GET
//	a request that changes it               1 GET, 1 script
//	a new session                           1 SET
//	a sign-in                               1 GET, 1 script; in a Cluster 1 GET, 1 SET, 1 script
//	a sign-out                              1 GET, 1 script
//
// Each script takes one round trip, works on one key, except the one of a sign-in, and
// is called by its hash. If the server does not know the hash, such as after a restart,
// the store sends the script.
//
// A session with an owner has an entry in a sorted set of the owner. The script of a
// sign-in writes it too. Otherwise, writing the entry takes one more round trip when the
// session gets its owner, and again each time the entry is about to
// expire: for a session in use, at most once per idle timeout, or per day if that is
// shorter. Removing the entry, with the session, takes one too. The entry is written before
// the session and expires after it, so Owned and DestroyOwned miss no session.
//
//	Owned, DestroyOwned, per call           1 ZRANGE, and 1 round trip for 100 sessions
//	All                                     SCAN of all keys of all masters, those of
//	                                        other programs too, 1000 per round trip, and
//	                                        1 round trip for 100 sessions
//
// All keeps the keys that it has seen in memory, about 50 bytes each. If slots of a Cluster
// are being moved, it scans up to three times; it may miss a session that moves during each
// of the scans. KEYS is never used.
//
// The program's clock decides whether a session has expired. The server removes the
// session 10 minutes later, so its clock may differ from the program's or a replica's by up
// to 10 minutes. Manager.Sweep is not supported, because the server removes expired
// sessions itself.
//
// # Limits and keys
//
// A session's data has at most 4 MiB; Save returns sessions.ErrTooLarge for more. All
// keys begin with "sessions:", the namespace and a colon:
//
//	sessions:shop:4b3c…         a session, by Session.ID
//	sessions:shop:owner:ann     the entries of an owner
//
// Besides its data and owner, a session takes about 200 bytes of the server's memory, and
// about 350 bytes if it has an owner.
//
// Changes are compare-and-swap, so concurrent changes are not lost and a deleted session
// does not come back. The store sends a write only once, even through a client of yours
// with MaxRetries: if the first one had run but its response was lost, the second would
// report a conflict. Redirections of a Cluster are followed.
//
// A call returns soon after its context's deadline. If the context is canceled earlier,
// the call returns when the server responds or the timeout ends.
//
// go-redis logs messages about Sentinels and connections to standard error; to change
// that, call its SetLogger.
package redis
