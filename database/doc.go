// Package database keeps sessions in SQLite, PostgreSQL, MySQL or MariaDB.
//
// Choose it where the program has a database already, where sessions must
// outlive a restart, or where several machines share them. Of the databases:
//
//   - SQLite for one machine: nothing to run, a read costs microseconds, and
//     several processes may share the file. There is one writer at a time, some
//     tens of thousands of small writes a second at best. Not on network
//     file systems, where its locks do not hold.
//   - PostgreSQL for several machines. Give it the primary's address: what one
//     request saved, the next must see, so a replica will not do.
//   - MySQL or MariaDB (InnoDB) likewise, where it is the one that is there.
//
// What it takes, for a database in a file:
//
//	import _ "github.com/pump-go/sessions/database"
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store: "database",
//		URL:   "sqlite:///sessions.db",
//	})
//
// # URLs
//
// As SQLAlchemy has them; what follows a plus sign in the scheme, a driver of
// Python's, is ignored:
//
//	sqlite:///relative.db                  in DataDir, or the working directory
//	sqlite:////absolute/path.db
//	sqlite:///:memory:                     private to the store, gone with Close
//	postgresql://user:password@host:5432/database?sslmode=verify-full
//	mysql://user:password@host:3306/database?tls=true
//	mariadb://user:password@host/database
//
// In a user name, password or database name, characters such as @ : / ? # %
// are written %40 %3A %2F %3F %23 %25. Or a DSN of the driver beneath:
//
//	host=db.internal user=app password=secret dbname=app     (github.com/lib/pq)
//	app:secret@tcp(db.internal:3306)/app                     (github.com/go-sql-driver/mysql)
//
// A URL may have these parameters, each of which is also a field of [Options],
// for a driver of your own: sessions.Options{Driver: database.FromURL(options)}.
//
//	table=sessions         the table's name
//	schema=app             PostgreSQL's schema, MySQL's database
//	create=no              never create tables
//	prepare=no             for poolers such as PgBouncer; see below
//	pool=20                connections at most
//	synchronous=full       SQLite: survive power failures; see below
//
// and of PostgreSQL's and MySQL's drivers those for connecting: sslmode,
// connect_timeout, target_session_attrs, application_name, search_path; tls,
// timeout, charset, collation and their like. Any other is an error. Without
// sslmode, PostgreSQL is asked for TLS and used without if it has none, as libpq
// does; set verify-full wherever the network is not your own. The PG…
// environment variables are read as libpq does.
//
// For a pool that the program has, of these drivers or another such as
// github.com/jackc/pgx/v5/stdlib, there is [New].
//
// # Tables
//
// The tables are made when they are first needed, safely by many processes at
// once, unless create=no. [DDL] gives the statements for those who run them by
// hand. The program then needs SELECT, INSERT, UPDATE and DELETE on the one, and
// SELECT on the other:
//
//	sessions (namespace, id, version, created, accessed, expires, owner, data)
//	sessions_schema (version)
//
// The id is the SHA-256 of the session's secret, so that whoever reads the table
// or a backup of it can open no session; data is opaque, with a checksum. Times
// are integers, milliseconds since 1970 in UTC, which no time zone touches;
// whether a session has expired is decided by the program's clock. An owner is
// bytes, as a program may give any. To see who is signed in, in PostgreSQL:
//
//	SELECT convert_from(owner, 'UTF8'), COUNT(*) FROM sessions WHERE expires > 1000 * EXTRACT(EPOCH FROM now()) GROUP BY owner
//
// Deleting rows by hand signs out. Changing them makes them invalid. A schema of
// a newer version is refused with sessions.ErrNewerFormat, and nothing is changed.
//
// # What a request costs
//
// One SELECT by primary key, and where the session was changed one UPDATE, each
// prepared once a connection. It compares and swaps the version, so that
// no update is lost. While the expiry stands, which moves once in a hundredth
// of the timeout, an update touches no secondary index: SQLite writes one page,
// PostgreSQL's updates are heap-only.
//
// Expired rows go in batches of 200, found by an index. Each node sweeps its own
// namespace every minute; PostgreSQL's nodes pass over rows that another has
// locked, the others' wait for each other briefly.
//
// # Limits
//
// A session's data is at most [MaxData] bytes, and its owner 255; more is
// sessions.ErrTooLarge. MySQL's max_allowed_packet must be above 4 MiB, or above
// 8 MiB with prepare=no; the defaults of MariaDB (16 MiB) and MySQL 8 (64 MiB)
// are.
//
// # When the server is away
//
// A call fails when its context ends, on a server that hangs too, and within
// five seconds where it connects. Connections of a server that restarted are
// replaced, also those of one that turned read-only in a failover. A write of
// which the answer was lost is never sent again from here: the manager looks at
// what became of it. A write whose time is over waits a tenth of a second
// longer for its answer, so that a slow server's outcomes are mostly known.
//
// A pooler that gives each statement another server connection, as PgBouncer in
// transaction mode, cannot hold prepared statements: prepare=no. With pgx, set
// default_query_exec_mode=exec beside Options.NoPrepare.
//
// # SQLite
//
// It needs cgo and a C compiler; a program built with CGO_ENABLED=0 still has
// PostgreSQL and MySQL. The file is made with the mode 0600, directories that are
// missing with 0700; the file system must have hard links. The journal is a
// write-ahead log (two more files beside the first, part of it), so readers
// never wait for a writer; writers wait for each other as long as their contexts
// let them, five seconds at most.
//
// What was acknowledged survives the process, killed in whatever way. In a power
// failure the last moments before it may be lost, the file being whole; with
// synchronous=full they are not, for a disk flush at each write.
//
// # Backups
//
// Back up the tables like others; of SQLite use VACUUM INTO or .backup, for a
// copy of a file in use is none. Restoring them revives sessions that were ended
// since, so empty the table after a restore, unless signing everybody out is
// worse.
//
// Restore an SQLite file with the program stopped: one that runs keeps the old
// file open, and serves it without an error though it is deleted. Remove the
// files -wal and -shm beside it, put the copy in place with the mode 0600 and
// the program's user as its owner, and start the program.
package database
