//go:build allstores

package main

// The stores that need a server, or bring along more than a first look should
// have to wait for.
import (
	_ "github.com/pump-go/sessions/database"
	_ "github.com/pump-go/sessions/google"
	_ "github.com/pump-go/sessions/memcached"
)
