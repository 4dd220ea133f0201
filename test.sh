#!/usr/bin/env bash
# Checks and tests every module of this repository, with the servers that the stores
# need. Says what it is about to install (Debian packages, only as root) before it
# does. Usage: ./test.sh
# SESSIONS_TEST_REQUIRE=1: a test that would be skipped because a program is missing fails.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }

# The programs that are missing, as Debian packages.
missing=()
need() { # package, then its program: by name, or by paths where it may be
  local package=$1 program
  shift
  for program in $*; do # unquoted: a path may be a pattern
    command -v "$program" >/dev/null && return
  done
  missing+=("$package")
}
need gcc gcc # SQLite's C library, and the race detector
need memcached memcached /usr/sbin/memcached
need postgresql postgres '/usr/lib/postgresql/*/bin/postgres'
need mariadb-server mariadbd /usr/sbin/mariadbd
need pgbouncer pgbouncer /usr/sbin/pgbouncer
need default-jre-headless java # for Google's emulators, which come with the Google Cloud CLI: not from Debian
need redis-server redis-server # with redis-cli, from redis-tools
need chromium chromium
need libnss3-tools certutil # certificates that Chromium trusts
if [ ${#missing[@]} -gt 0 ]; then
  echo "Missing: ${missing[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "About to install them with apt-get. Ctrl-C within 5 seconds stops."
    sleep 5
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" libc6-dev </dev/null
  elif [[ " ${missing[*]} " == *" gcc "* ]]; then
    echo "gcc is missing: install it and run again" >&2
    exit 1
  else
    echo "Tests that need them are skipped. On Debian, run as root to install them."
  fi
fi

step "gofmt"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  echo "not formatted: $unformatted" >&2
  exit 1
fi

step "go.mod files are tidy"
.ci/modules tidy

step "go vet"
go vet work

step "go vet on other systems"
for target in darwin/arm64 windows/amd64 freebsd/amd64 openbsd/amd64 linux/386; do
  CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go vet ./... # the root module, with its tests
done

step "staticcheck"
for module in $(.ci/modules list); do
  (cd "$module" && go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...)
done

step "test"
go test -timeout 20m work

step "SQLite without cgo"
CGO_ENABLED=0 go test -run 'WithoutCgo' ./database
CGO_ENABLED=0 go test ./database/puresqlite

printf '\ntest.sh: all passed\n'
