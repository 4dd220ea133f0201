package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
)

func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{
		Store: "database",
		URL:   os.Getenv("DATABASE_URL"), // postgresql://app:secret@db.internal/app?sslmode=verify-full
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe(":8080", m.Wrap(http.DefaultServeMux)))
}

// The program's own pool stays open when the manager is closed.
func ExampleNew() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	m, err := sessions.New(context.Background(), sessions.Options{
		Driver: database.New(db, database.PostgreSQL, database.Options{Table: "web_sessions"}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
}

// The statements for a migration, if the program may not create tables.
func ExampleDDL() {
	ddl, err := database.DDL(database.SQLite, database.Options{Table: "web_sessions"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(ddl)
	// Output:
	// CREATE TABLE IF NOT EXISTS "web_sessions" (
	//   namespace TEXT    NOT NULL,
	//   id        BLOB    NOT NULL,
	//   version   INTEGER NOT NULL,
	//   created   INTEGER NOT NULL,
	//   accessed  INTEGER NOT NULL,
	//   expires   INTEGER NOT NULL,
	//   owner     BLOB    NOT NULL,
	//   data      BLOB    NOT NULL,
	//   PRIMARY KEY (namespace, id)
	// );
	// CREATE INDEX IF NOT EXISTS "web_sessions_expires" ON "web_sessions" (namespace, expires);
	// CREATE INDEX IF NOT EXISTS "web_sessions_owner" ON "web_sessions" (namespace, owner, id) WHERE owner <> x'';
	// CREATE TABLE IF NOT EXISTS "web_sessions_schema" (version INTEGER NOT NULL PRIMARY KEY);
	// INSERT OR IGNORE INTO "web_sessions_schema" (version) VALUES (1);
}
