//go:build !cgo

package main

import _ "github.com/pump-go/sessions/database/puresqlite"
