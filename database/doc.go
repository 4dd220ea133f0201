// Package database stores sessions in SQLite, PostgreSQL, MySQL or MariaDB.
//
// Use it if the program already has a database, if sessions must survive a
// restart, or if several machines share them:
//
//   - SQLite for one machine. There is no server to run, a read takes microseconds,
//     and several processes can share the file. There is one writer at a time, with
//     some tens of thousands of small writes a second at best. Do not use it on
//     network file systems, where its locks do not work.
//   - PostgreSQL for several machines. Use the primary's address: what one request
//     saves, the next must see, so a replica does not work.
//   - MySQL or MariaDB (InnoDB), in the same way.
//
// For a database in a file:
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
// URLs have SQLAlchemy's form. A Python driver in the scheme, after a plus sign, is
// ignored:
//
//	sqlite:///relative.db                  in DataDir, or the working directory
//	sqlite:////absolute/path.db
//	sqlite:///:memory:                     private to the store, gone after Close
//	postgresql://user:password@host:5432/database?sslmode=verify-full
//	postgresql://user@%2Fvar%2Frun%2Fpostgresql/database
//	mysql://user:password@host:3306/database?tls=true
//	mariadb://user:password@host/database
//
// In a user name, password, database name or parameter, write the characters
// @ : / ? # % as %40 %3A %2F %3F %23 %25. A DSN of the underlying driver also works:
//
//	host=db.internal user=app password=secret dbname=app     (github.com/lib/pq)
//	app:secret@tcp(db.internal:3306)/app                     (github.com/go-sql-driver/mysql)
//
// A URL can have these parameters. Apart from synchronous, each is also a field of
// [Options], for sessions.Options{Driver: database.FromURL(options)}:
//
//	table=sessions         the table's name
//	schema=app             PostgreSQL's schema, MySQL's database
//	create=no              never create tables
//	prepare=no             for poolers such as PgBouncer; see below
//	pool=20                maximum number of connections
//	synchronous=full       SQLite: survive power failures; see below
//
// It can also have the connection parameters of the PostgreSQL and MySQL drivers,
// such as sslmode, connect_timeout, target_session_attrs, application_name and
// search_path, or tls, timeout, charset and collation. Any other parameter is an
// error, which names it. Hosted MySQL's ssl-mode=REQUIRED is tls=skip-verify here,
// and ssl-mode=VERIFY_IDENTITY is tls=true.
//
// Some parameters of libpq have no effect here and are ignored: keepalives and the
// like (Go's keep-alive is on), tcp_user_timeout, sslcompression, gssencmode and
// channel_binding. The last two cannot be required: gssencmode=require is an error,
// and so is channel_binding=require unless sslmode is verify-full.
//
// Without sslmode, a PostgreSQL URL uses TLS if the server has it, as libpq does. Set
// verify-full unless the network is your own. The PG… environment variables are read
// as libpq reads them.
//
// Use [New] for an existing pool, of these drivers or of another such as
// github.com/jackc/pgx/v5/stdlib.
//
// # Transactions on a shared pool
//
// A store on an existing pool takes a connection for each call. A handler that uses
// the session while it holds a transaction of the same pool needs two connections. If
// the pool has no free one, because it is limited to one connection or because many
// requests do the same, the transaction and the store wait for each other until the
// store times out, and the client gets a 503. Commit or roll back before the response
// begins, or open the store by a URL, which gives it a pool of its own. SQLite has one
// writer, so there a change of a session during any write transaction has this effect.
//
// # Tables
//
// The store creates its tables on first use, unless create=no is set. Several
// processes can do so at once. [DDL] returns the statements for running them by hand.
// The program then needs SELECT, INSERT, UPDATE and DELETE on the first table, and
// SELECT on the second:
//
//	sessions (namespace, id, version, created, accessed, expires, owner, data)
//	sessions_schema (version)
//
// The id is the SHA-256 of the session's secret, so the table, or a backup of it, cannot
// be used to sign in. The data is opaque, with a checksum. Times are
// integers, milliseconds since 1970 in UTC, and do not depend on time zones. The
// program's clock decides whether a session has expired. An owner is stored as
// bytes. To see who is signed in, in PostgreSQL:
//
//	SELECT convert_from(owner, 'UTF8'), COUNT(*) FROM sessions WHERE expires > 1000 * EXTRACT(EPOCH FROM now()) GROUP BY owner
//
// Deleting a row signs its user out. Changing a row makes it invalid. If the tables
// were created by a newer version of this package, calls fail with
// sessions.ErrNewerFormat, and nothing is changed.
//
// # Cost of a request
//
// A request that uses its session costs one SELECT by primary key, and one UPDATE if
// the session changed. Statements are prepared once for each connection. The UPDATE
// compares and swaps the version, so no update is lost. The expiry changes once per
// hundredth of the idle timeout. Other updates change no secondary index: SQLite writes
// one page, and PostgreSQL's updates are heap-only.
//
// Expired rows are removed in batches of 200, found by an index. Each node sweeps its
// own namespace every minute. With PostgreSQL, a node skips rows that another node
// has locked; with the other databases, it waits for them briefly.
//
// # Limits
//
// A session's data is at most [MaxData] bytes, and its owner 255 bytes; larger ones
// fail with sessions.ErrTooLarge. MySQL's max_allowed_packet must be above 4 MiB, or
// above 8 MiB with prepare=no. The defaults of MariaDB (16 MiB) and MySQL 8 (64 MiB)
// are sufficient.
//
// # Outages
//
// A call fails when its context ends, even on a server that hangs, and an attempt to
// connect fails after five seconds. Connections to a server that restarted, or that
// became read-only in a failover, are replaced. If the response to a write is lost, the
// store does not repeat the write: the manager finds out whether it happened. A write
// whose context has ended waits a tenth of a second longer for its response, so that
// the outcome is usually known. If a write certainly changed nothing, its error wraps
// driver.ErrNotWritten: the server was not reached, or refused the write (read-only,
// out of connections, no permission).
//
// # Poolers
//
// A pooler that can use another server connection for each statement, such as
// PgBouncer in transaction mode, cannot keep prepared statements: set prepare=no. With
// pgx, set default_query_exec_mode=exec and Options.NoPrepare.
//
// PgBouncer refuses start-up parameters that it does not track, such as search_path
// and options. Use schema= instead, which puts the schema into each statement.
//
// With prepare=no, MySQL receives values in hexadecimal. The connection's character
// set must be one in which a quote or a backslash is never part of another character,
// such as utf8mb4 or latin1. Others, such as gbk, gb18030, big5, sjis and cp932, are
// refused in the URL and the DSN, and a new connection for which the server chose one
// is closed.
//
// # SQLite
//
// With cgo, this package includes SQLite's C library. Without cgo (CGO_ENABLED=0, or no
// C compiler), also import package puresqlite, which is SQLite in pure Go:
//
//	import _ "github.com/pump-go/sessions/database/puresqlite"
//
// The file is created with mode 0600 and missing directories with 0700. A directory in
// which every user can replace files is refused; in a Kubernetes emptyDir, use a
// subdirectory. The file system must support hard links. The journal is a write-ahead
// log, in two more files next to the database, so readers never wait for a writer.
// The store copies the log to the database in the background, so that writers do not
// wait for it either. If writes never pause, the log can grow to 100 MB.
// Writers wait for each other until their contexts end, at most five seconds.
//
// Acknowledged writes survive a crash of the process. A power failure can lose the most
// recent ones, but does not damage the file. With synchronous=full it loses nothing, at
// the cost of a disk flush for each write.
//
// # Backups
//
// Back up the tables like your others. For SQLite, use VACUUM INTO or .backup: copying
// a database file in use does not give a valid backup. Restoring a backup revives
// sessions that have ended since. Empty the table after a restore, unless signing
// everyone out is worse.
//
// Stop the program before you restore an SQLite file: a running one keeps using the
// old file, without an error, even after it is deleted. Remove the -wal and -shm
// files next to it, put the copy in place with mode 0600 and the program's user as its
// owner, and start the program.
package database
