package main

// Importing a store's package makes it available by name. These need neither cgo
// nor a server.
import (
	_ "github.com/pump-go/sessions/cookie"
	_ "github.com/pump-go/sessions/dbm"
	_ "github.com/pump-go/sessions/file"
	_ "github.com/pump-go/sessions/memory"
)
