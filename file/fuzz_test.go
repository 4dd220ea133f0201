package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// FuzzURL looks for a URL that causes a panic, that is read as a directory with a
// NUL in its name, or whose error quotes it, since it may contain a password.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"file:///var/lib/app", "file:data/sessions", "file:", "file:?sync=true", "file:///a?sync=maybe", "file://host/a", "file://localhost/a",
		"file:///a%00b", "file:///%2e%2e/x", "file:a%zz", "file://joe:hunter2@/x", "file:///C:/x", "file:#x", "file:?sync=1&sync=0", "memory:",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		var o Options
		dir, err := o.readURL(url)
		if err == nil && strings.ContainsRune(dir, 0) {
			t.Errorf("%q is read as the directory %q", url, dir)
		}
		if err != nil && (dir != "" || !strings.Contains(url, "?") && strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %q, %v", url, dir, err)
		}
	})
}

// FuzzRecord writes any bytes as the file of a session. Load returns only what
// readCurrent finds, see FuzzSlots, and driver.ParseRecord accepts. The file can be
// deleted, and another session is not affected.
func FuzzRecord(f *testing.F) {
	s, _ := open(f, quickDir(f))
	key, other := driver.Key{1, 2, 31: 3}, driver.Key{1, 2, 31: 4}
	rec := driver.Record{Data: []byte("data"), Owner: "ann", Version: 7, Created: beginning, Accessed: beginning, Expires: beginning + day}
	whole, err := driver.AppendRecord(nil, rec)
	if err != nil {
		f.Fatal(err)
	}
	ctx := context.Background()
	for _, k := range []driver.Key{key, other} {
		if err := s.Save(ctx, k, 0, rec); err != nil {
			f.Fatal(err)
		}
	}
	path := s.records.file(key.String())
	slots, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(slots)
	f.Add(append(slots[minSlot:], slots[:minSlot]...))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{})
	f.Add(append(bytes.Clone(whole), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readCurrent(int64(len(b)), false, nil, func(p []byte, at int64) (int, error) {
			return copy(p, b[min(int(at), len(b)):]), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := driver.ParseRecord(file.record)
		if wantErr == nil && want.Expires <= s.now() {
			wantErr = driver.ErrNotFound
		}
		got, err := s.Load(ctx, key)
		switch {
		case wantErr == nil && (err != nil || got.Version != want.Version || got.Owner != want.Owner || !bytes.Equal(got.Data, want.Data)):
			t.Errorf("Load: %+v, %v, want %+v", got, err, want)
		case wantErr != nil && (got.Version != 0 || !errors.Is(err, driver.ErrNotFound) && !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat)):
			t.Errorf("Load: %+v, %v, want %v", got, err, wantErr)
		}
		found := 0
		for e, err := range s.All(ctx) {
			if e.Key == other && err == nil {
				found++
			}
		}
		if found != 1 {
			t.Errorf("All yields the other session %d times", found)
		}
		if err := s.Delete(ctx, key, 0); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file is still there")
		}
	})
}

// FuzzNames creates a file with any name in the directories of the records, the owner
// index and the logs. The store ignores it, and still finds its own files.
func FuzzNames(f *testing.F) {
	s, _ := open(f, quickDir(f))
	ctx := context.Background()
	key := driver.Key{1, 2, 31: 3}
	rec := driver.Record{Data: []byte("data"), Owner: "ann", Version: 7, Created: beginning, Accessed: beginning, Expires: beginning + day}
	if err := s.Save(ctx, key, 0, rec); err != nil {
		f.Fatal(err)
	}
	own := prefixOf("ann") + key.String()
	for _, name := range []string{
		key.String(), strings.ToUpper(key.String()), key.String()[:63], key.String() + "0", tempName, own, prefixOf("ann"), prefixOf("ann") + "zz",
		"60000.log", "-1.log", "9223372036854775808.log", ".log", "complete", "60000.log.claimed", "\xff", " ", "a b",
	} {
		f.Add(name)
	}
	entries, logs := s.owners.dirs.shard(own), s.expiry.dir
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 200 {
			t.Skip("not a file name")
		}
		for _, dir := range []string{s.records.shard(key.String()), entries, logs} {
			path := filepath.Join(dir, name)
			if _, err := os.Lstat(path); err == nil {
				continue // a file of the store
			}
			if err := os.WriteFile(path, []byte("planted"), 0o600); err != nil {
				t.Skip(err)
			}
			defer os.Remove(path)
		}
		for what, list := range map[string]func(func(driver.Entry, error) bool){"All": s.All(ctx), "Owned": s.Owned(ctx, "ann")} {
			good := 0
			for e, err := range list {
				switch {
				case e.Key == key && err == nil:
					good++
				case !errors.Is(err, driver.ErrCorrupt):
					t.Errorf("%s: %v, %v", what, e.Key, err)
				}
			}
			if good != 1 {
				t.Errorf("%s yields the session %d times", what, good)
			}
		}
		if n, err := s.Sweep(ctx); n != 0 || err != nil {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	})
}

// FuzzLog reads a line between any other bytes of a log.
func FuzzLog(f *testing.F) {
	key := driver.Key{1, 2, 31: 3}
	line := appendLine(nil, key.String(), beginning)
	f.Add([]byte{}, []byte{})
	f.Add(line[:20], line)
	f.Add(make([]byte, 4096), []byte("\n\n"))
	f.Add([]byte("x\n"), line[1:])
	f.Fuzz(func(t *testing.T, before, after []byte) {
		// A killed writer leaves part of a line, without a newline.
		log := append(append(bytes.Clone(before), line...), after...)
		lines := bufio.NewScanner(bytes.NewReader(log))
		lines.Split(splitLines)
		found := false
		for lines.Scan() {
			k, at, ok := parseLine(lines.Text())
			if again := string(appendLine(nil, k.String(), at)); ok && !strings.EqualFold(again, lines.Text()[len(lines.Text())-lineSize+1:]+"\n") {
				t.Errorf("%q is read as %v at %d", lines.Text(), k, at)
			}
			found = found || ok && k == key && at == beginning
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%v", err)
		}
		if !found {
			t.Error("the line was not found")
		}
	})
}
