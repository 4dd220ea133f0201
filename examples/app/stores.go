package main

// A store is there when its package is imported. Those that need neither cgo
// nor a cloud client are here; package sessions knows them by their names.
import (
	_ "github.com/pump-go/sessions/cookie"
	_ "github.com/pump-go/sessions/dbm"
	_ "github.com/pump-go/sessions/file"
	_ "github.com/pump-go/sessions/memory"
)
