// Package google keeps sessions in Google Cloud Datastore, which today is
// Firestore in Datastore mode, through cloud.google.com/go/datastore.
//
// Choose it where the program runs on Google Cloud and nobody wants to run a
// server: sessions last, are shared by all machines, and there is no number of
// them to plan for. It is paid by the request, and a request takes some
// milliseconds within the region. Choose memcached if a lost session costs no
// more than a sign-in and speed counts, or database if there is a database
// already.
//
//	import _ "github.com/pump-go/sessions/google"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "google://my-project"})
//
// The database must be in Datastore mode. One in native mode is another service.
//
// # URLs
//
//	google://my-project                        its default database
//	google://my-project/eu-sessions            another database
//	google://                                  the project of the environment; see below
//	google://my-project?namespace=shop&kind=WebSession
//
// With Options.Store "google", the scheme may be left out. The parameters, of
// which all but the last are also fields of [Options]:
//
//	namespace=shop              the Datastore namespace; sessions.Options.Namespace is the same, so set one
//	kind=Session                the entities' kind
//	timeout=10s                 how long a call may take at most; sessions.Options.StoreTimeout is usually less
//	ttl=yes                     a TTL policy removes what has expired; see below
//	emulator=127.0.0.1:8081     an emulator, in the clear and without credentials
//
// Anything else is an error. Credentials are the client library's own:
// GOOGLE_APPLICATION_CREDENTIALS, those of gcloud auth application-default login,
// or those of the machine. They need the role roles/datastore.user. Where the URL
// names no project, DATASTORE_PROJECT_ID does, or else the credentials. The
// variable DATASTORE_EMULATOR_HOST leads to an emulator, as in all programs that
// use the library.
//
// A program with a client of its own gives it to [New]. Make it with
// [ClientOptions]:
//
//	client, err := datastore.NewClient(ctx, project, google.ClientOptions()...)
//
// # What is stored
//
// One entity a session. Its key's name is Session.ID, from which nobody gets to
// the cookie.
//
//	record    bytes   the session, with a checksum; not indexed
//	expires   time    when it ends; indexed, so that the sweep finds it
//	owner     bytes   whose it is; indexed, and absent where there is none
//
// The indexes that Datastore makes by itself are enough, so there is no
// index.yaml to deploy. Deleting an entity by hand signs out. An entity whose
// record cannot be read is a damaged session, and its user starts anew.
//
// # What it costs
//
//	a request that reads its session       1 lookup
//	a request that changes it              1 lookup, 1 commit
//	a new session, a sign-out              1 commit
//	Owned, All                             a keys-only query and a lookup for every 100 sessions
//	the sweep                              a keys-only query; for what has expired, a lookup and a commit for every 100
//
// Each lookup and query reads as many entities as it finds, each commit writes
// one or, in the sweep, removes many. Each machine sweeps once a minute, which
// costs a query where nothing has expired: give all but a few of many machines a
// longer sessions.Options.SweepInterval.
//
// Once for each store that is opened, one commit more asks the server whether it
// compares versions. It deletes an entity of a random name that begins with
// "never", which does not exist.
//
// # Compare and swap
//
// Nothing that was changed in parallel is lost, and nothing that was deleted
// comes back. The usual means for that is a transaction: it takes three calls,
// to begin, look and commit, and holds locks in between, which an instance that
// dies in the middle leaves to time out. This package has each commit carry the
// version, the server's own, of the entity that it replaces; the server compares,
// and refuses if it is another. That is one call and holds nothing. The client
// library has no function for it; ClientOptions has it done on the requests'
// way.
//
// Where the server turns out not to compare, or the client was made without
// ClientOptions, the store uses transactions. They are as safe. But two that look
// at one session at the same time wait for each other where Datastore is
// pessimistic, the default of its standard edition, until the server gives up on
// one after seconds; within one process they take turns.
// The programs that share sessions should all do the one, or all the other: of
// a commit with a version that waits for a transaction's lock, the Firestore
// emulator was seen to compare before it waits.
//
// Lookups and queries are strongly consistent, in Datastore mode all of them are,
// so DestroyOwned misses no session of which the save was acknowledged. (Queries
// without an ancestor were not in the Datastore before Firestore, which Google has
// replaced.)
//
// A commit is sent once: gRPC's repetition of what was unavailable, which is part
// of the library's configuration, is off for the store's commits. What became of
// one whose answer was lost, the manager finds out.
//
// # Expired sessions
//
// Whether a session has expired is decided by the program's clock, on what is in
// its record. The store removes what has expired every minute. A TTL policy can
// do that in its place, within a day or so:
//
//	gcloud firestore fields ttls update expires --collection-group=Session \
//	    --enable-ttl --database='(default)'
//
// Then say ttl=yes: nothing is swept, and expires is not indexed any more. That
// matters on large sites: an index whose values rise with the time is written
// in one place, which Google advises against from some 500 writes a second on.
// The expiry of a session in use moves once in a hundredth of its timeout. A
// policy goes by Google's clock, so the machines' clocks must be about right. It
// is for a kind in all its namespaces, and not to be had in the concurrency mode
// "optimistic with entity groups".
//
// # Limits
//
// A session's data is at most [MaxData] bytes, as an entity of Datastore's is at
// most 1 MiB; more is sessions.ErrTooLarge, before anything is sent. An owner has
// at most 255 bytes. Datastore advises against more than one write a second, for
// long, to the same entity.
//
// # When Datastore is away
//
// Every call has a deadline, sessions.Options.StoreTimeout for requests and
// timeout for the sweep and listings; the library's own would be a minute. The
// library waits for a connection until then. Connections are tried again every
// two seconds at most, so all goes on by itself soon after an outage.
//
// # Emulators
//
// For development and tests:
//
//	gcloud emulators firestore start --database-mode=datastore-mode --host-port=127.0.0.1:8081
//	gcloud beta emulators datastore start --no-store-on-disk --consistency=1.0 --host-port=127.0.0.1:8081
//
// and the URL google://any-name?emulator=127.0.0.1:8081. Without
// --consistency=1.0 the second plays the old Datastore, whose queries lag behind.
package google
