package main

// The stores that the command knows: all there are.
import (
	_ "github.com/pump-go/sessions/cookie"
	_ "github.com/pump-go/sessions/file"
	_ "github.com/pump-go/sessions/google"
	_ "github.com/pump-go/sessions/memcached"
	_ "github.com/pump-go/sessions/memory"
	_ "github.com/pump-go/sessions/redis"
)

// Packages database and dbm are imported by name, in target.go and open.go.
