#!/usr/bin/env bash
# Checks and tests the whole module, installing what the tests need and the
# machine lacks (Debian packages, if we may). Usage: ./test.sh
# SESSIONS_TEST_REQUIRE=1 makes a test that would skip for want of a program fail,
# the Datastore and Firestore emulators of the Google Cloud CLI included.
set -euo pipefail
cd "$(dirname "$0")"

staticcheck() { go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...; }
step() { printf '\n== %s\n' "$*"; }

# What is missing of the programs that the tests use, as Debian packages.
missing=()
need() { # package, then its program: by name, or by paths where it may be
  local package=$1 program
  shift
  for program in $*; do # unquoted: a path may be a pattern
    command -v "$program" >/dev/null && return
  done
  missing+=("$package")
}
need gcc gcc # the race detector needs a C compiler
need memcached memcached /usr/sbin/memcached
need postgresql postgres '/usr/lib/postgresql/*/bin/postgres'
need mariadb-server mariadbd /usr/sbin/mariadbd
need pgbouncer pgbouncer /usr/sbin/pgbouncer
need default-jre-headless java # for Google's emulators, which come with the Google Cloud CLI: not from Debian
need chromium chromium
if [ ${#missing[@]} -gt 0 ]; then
  step "install ${missing[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" libc6-dev </dev/null
  elif [[ " ${missing[*]} " == *" gcc "* ]]; then
    echo "gcc is missing: install it and run again" >&2
    exit 1
  else
    echo "tests that need them are skipped; on Debian, run as root to install them"
  fi
fi

step "gofmt"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  echo "not formatted: $unformatted" >&2
  exit 1
fi

step "go mod tidy, verify"
go mod tidy -diff
go mod verify

step "go vet"
go vet ./...

step "staticcheck"
staticcheck

step "the exported API beside the last release"
.ci/api

step "build for other systems, without cgo"
for os in linux darwin windows; do
  echo "$os"
  CGO_ENABLED=0 GOOS=$os go vet ./...
done
echo "linux, 32-bit"
CGO_ENABLED=0 GOARCH=386 go vet ./...

step "test, with the race detector"
go test -race -timeout 20m ./...

step "the database store without cgo"
CGO_ENABLED=0 go test -run 'WithoutCgo|URL' ./database

# Modules of their own, so that what they need is not every user's.
find . -mindepth 2 -name go.mod -printf '%h\n' | sort | while read -r module; do
  step "module $module"
  (
    cd "$module"
    go mod tidy -diff
    go vet ./...
    staticcheck
    go test -race -timeout 20m ./...
  ) </dev/null
done

# By number of inputs: with a time, Go's fuzzer may fail at its end for no input's
# sake (golang/go#75804, mended in Go 1.27). Without one it waits for ever for an
# input that hangs, hence the limit.
fuzz() { # package, target
  local inputs=100000 said
  case $1 in ./file) inputs=20000 ;; esac # each input writes files
  if ! said=$(timeout 1h go test -run '^$' -fuzz "^$2\$" -fuzztime "${SESSIONS_FUZZTIME:-${inputs}x}" "$1" </dev/null 2>&1); then
    printf '%s\n' "$said" >&2
    return 1
  fi
  tail -n 1 <<<"$said"
}

step "fuzz, briefly"
grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's/^(.*)\/[^\/]*:func /\1 /' | sort | while read -r dir target; do
  echo "$dir $target"
  fuzz "$dir" "$target"
done

step "benchmarks run"
go test -run '^$' -bench . -benchtime 1x ./... >/dev/null
(cd bench && go test -run '^$' -bench . -benchtime 1x . >/dev/null)

printf '\nall passed\n'
