//go:build unix

package main

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

var tables atomic.Int64

func init() {
	stopServers = servers.StopAll
	envs["PostgreSQL"] = func(t *testing.T) env {
		return env{"SESSIONS_STORE": "database", "SESSIONS_URL": fmt.Sprintf(
			"postgresql://postgres:a-password@%s/postgres?sslmode=disable&table=t%d", servers.Postgres(t).Addr, tables.Add(1))}
	}
}
