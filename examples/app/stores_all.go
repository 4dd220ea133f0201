//go:build allstores

package main

// The stores with larger dependencies, behind a build tag so that the example
// builds quickly without them.
import (
	_ "github.com/pump-go/sessions/database"
	_ "github.com/pump-go/sessions/google"
	_ "github.com/pump-go/sessions/memcached"
	_ "github.com/pump-go/sessions/redis"
)
