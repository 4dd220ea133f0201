// Package google stores sessions in Google Cloud Datastore, which is Firestore in
// Datastore mode, through cloud.google.com/go/datastore.
//
// Use it for programs on Google Cloud that should not run a server for their
// sessions: sessions are durable, shared by all machines, and need no capacity
// planning. Datastore charges per request, and a request takes some milliseconds
// within a region. If speed matters more than keeping every session, use memcached;
// if there is an SQL database already, use database.
//
//	import _ "github.com/pump-go/sessions/google"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "google://my-project"})
//
// The Firestore database must be in Datastore mode, not in native mode.
//
// # URL
//
//	google://my-project                        the project's default database
//	google://my-project/eu-sessions            another database
//	google://                                  the project of the environment; see below
//	google://my-project?namespace=shop&kind=WebSession
//
// With Options.Store "google", the scheme can be omitted. The parameters, of which
// all but the last are also fields of [Options]:
//
//	namespace=shop              the Datastore namespace, instead of sessions.Options.Namespace
//	kind=Session                the kind of the entities
//	timeout=10s                 the maximum duration of a call; sessions.Options.StoreTimeout is usually shorter
//	ttl=yes                     a TTL policy removes expired sessions; see below
//	emulator=127.0.0.1:8081     an emulator, without TLS and credentials
//
// Anything else is an error. The client library finds the credentials: in the file
// named by GOOGLE_APPLICATION_CREDENTIALS, those of gcloud auth application-default
// login, or those of the machine. They need the role roles/datastore.user. If the URL
// names no project, the one of DATASTORE_PROJECT_ID or of the credentials is used. If
// DATASTORE_EMULATOR_HOST is set, the library connects to that emulator.
//
// To use a client of your own, make it with [ClientOptions] and pass it to [New]:
//
//	client, err := datastore.NewClient(ctx, project, google.ClientOptions()...)
//
// # Entities
//
// A session is one entity. The name in its key is Session.ID, from which the cookie
// cannot be derived.
//
//	record    bytes   the session, with a checksum; not indexed
//	expires   time    the expiry; indexed for the sweep
//	owner     bytes   the owner; indexed; absent if there is none
//
// Datastore's built-in indexes are enough; no index.yaml is needed. Deleting an
// entity signs its user out. An entity whose record cannot be read is a damaged
// session, and its user gets a new one.
//
// # Costs
//
//	a request that reads its session       1 lookup
//	a request that changes it              1 lookup, 1 commit
//	a new session, a sign-out              1 commit
//	Owned, All                             a keys-only query and a lookup for every 100 sessions
//	a sweep                                a keys-only query; a lookup and a commit for every 100 expired sessions
//
// Datastore charges for each entity that is read, written or deleted. Each machine
// sweeps once a minute, which costs a query if nothing has expired. With many
// machines, set a longer sessions.Options.SweepInterval on all but a few.
//
// Each store makes one more commit in its lifetime, before its first write, to check
// that the server compares versions. It deletes an entity that does not exist, with
// a random name that begins with "never".
//
// # Consistency
//
// Concurrent changes are not lost, and a deleted session does not come back: each
// commit names Datastore's version of the entity that it replaces, and the server
// rejects it if the version differs. This takes one call and no locks, where a
// transaction takes three calls and holds locks between them. The client library
// has no function for it; the interceptor of ClientOptions adds the version. New
// returns an error for a client without it, and a write returns an error if the
// server ignores versions.
//
// Lookups and queries are strongly consistent, so DestroyOwned finds every session
// whose save was acknowledged.
//
// The store turns off gRPC's retries for its commits, so that a commit is sent once.
// If the answer to one is lost, the manager finds out whether it was applied.
//
// # Expiry
//
// The program's clock decides whether a session has expired. The store removes
// expired sessions once a minute. A TTL policy can do so instead, within about a day:
//
//	gcloud firestore fields ttls update expires --collection-group=Session \
//	    --enable-ttl --database='(default)'
//
// Then set ttl=yes: the store does not sweep, and does not index expires. Large
// sites need this: Datastore stores an index of increasing times in one range, and
// Google advises against more than about 500 writes per second to it. The expiry of
// a session in use is written once per hundredth of its timeout. A TTL policy uses
// Google's clock, so the machines' clocks must be about right. It applies to a kind
// in all namespaces, and is not available in the concurrency mode "optimistic with
// entity groups".
//
// # Limits
//
// A session has at most [MaxData] bytes of data, since an entity has at most 1 MiB;
// Save returns sessions.ErrTooLarge for more without sending it. An owner has at
// most 255 bytes. Datastore advises against sustained rates of more than one write
// per second to an entity.
//
// # What can be lost
//
// Nothing that was acknowledged. During an outage, each call fails at its deadline:
// sessions.Options.StoreTimeout for requests, and timeout for sweeps and listings.
// The client reconnects within seconds after the outage.
//
// # Emulators
//
// For development and tests:
//
//	gcloud emulators firestore start --database-mode=datastore-mode --host-port=127.0.0.1:8081
//	gcloud beta emulators datastore start --no-store-on-disk --consistency=1.0 --host-port=127.0.0.1:8081
//
// with the URL google://any-name?emulator=127.0.0.1:8081. Without --consistency=1.0,
// the second emulates eventually consistent queries, which Datastore no longer has.
package google
