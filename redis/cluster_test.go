//go:build unix

package redis_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

// clusterToBreak is for tests that break it, and sharedCluster for the others.
var clusterToBreak = sync.OnceValues(servers.StartRedisCluster)

// mastersOf returns a Cluster, its URL, and a client of each master.
func mastersOf(t *testing.T, start func() (*servers.RedisCluster, error)) (c *servers.RedisCluster, url string, masters []*goredis.Client) {
	t.Helper()
	c, err := start()
	skipIfMissing(t, err)
	for _, node := range c.Nodes {
		raw := client(t, node.Addr)
		if strings.Contains(raw.Info(t.Context(), "replication").Val(), "role:master") {
			masters = append(masters, raw)
		}
	}
	if len(masters) != 3 {
		t.Fatalf("%d masters", len(masters))
	}
	return c, "redis://" + c.Addrs() + "?cluster=true", masters
}

// usedSlots returns the slots of a master that have keys.
func usedSlots(t *testing.T, master *goredis.Client) (slots []int) {
	t.Helper()
	id := myID(t, master)
	shards, err := master.ClusterShards(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		if !slices.ContainsFunc(shard.Nodes, func(n goredis.Node) bool { return n.ID == id }) {
			continue
		}
		for _, r := range shard.Slots {
			for slot := r.Start; slot <= r.End; slot++ {
				slots = append(slots, int(slot))
			}
		}
	}
	counts := make([]*goredis.IntCmd, len(slots))
	_, err = master.Pipelined(t.Context(), func(p goredis.Pipeliner) error {
		for i, slot := range slots {
			counts[i] = p.ClusterCountKeysInSlot(t.Context(), slot)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var used []int
	for i, slot := range slots {
		if counts[i].Val() > 0 {
			used = append(used, slot)
		}
	}
	return used
}

func myID(t *testing.T, master *goredis.Client) string {
	t.Helper()
	id, err := master.Do(t.Context(), "CLUSTER", "MYID").Text()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// beginMove makes a slot migrate, and moveKeys moves its keys, and endMove assigns it.
func beginMove(t *testing.T, from, to *goredis.Client, slot int) {
	t.Helper()
	err := errors.Join(
		to.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "IMPORTING", myID(t, from)).Err(),
		from.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "MIGRATING", myID(t, to)).Err())
	if err != nil {
		t.Fatal(err)
	}
}

func moveKeys(t *testing.T, from, to *goredis.Client, slot int) (moved int) {
	t.Helper()
	host, port, err := net.SplitHostPort(to.Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	for {
		keys, err := from.ClusterGetKeysInSlot(t.Context(), slot, 100).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			return moved
		}
		args := []any{"MIGRATE", host, port, "", 0, 10000, "KEYS"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := from.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		moved += len(keys)
	}
}

func endMove(t *testing.T, masters []*goredis.Client, to *goredis.Client, slot int) {
	t.Helper()
	id := myID(t, to)
	err := to.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", id).Err()
	for _, master := range masters { // as redis-cli does, rather than wait until they hear of it
		err = errors.Join(err, master.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", id).Err())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Slots move under load, and no request fails: every visitor sees each visit.
func TestSlotsMoveUnderLoad(t *testing.T) {
	_, url, masters := mastersOf(t, sharedCluster)
	m := site.Manager(t, sessions.Options{URL: url, Namespace: "moves"})
	shop := site.New(m)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var browsers []*site.Browser
	for i := range 200 { // so that the slots that move have keys
		b := &site.Browser{Site: shop}
		b.Wants(t, "/visit", "1 ")
		if i%2 == 0 {
			b.Wants(t, fmt.Sprintf("/as?user%d", i), fmt.Sprintf("1 user%d", i))
		}
		browsers = append(browsers, b)
	}
	const callers = 4
	counts := make([]int, len(browsers))
	for i := range callers {
		wg.Go(func() {
			for n := 2; ; n++ {
				for j := i; j < len(browsers); j += callers {
					select {
					case <-stop:
						return
					default:
					}
					code, page := browsers[j].Get("/visit")
					if code != 200 || !strings.HasPrefix(page, strconv.Itoa(n)+" ") {
						t.Errorf("visit %d: %d %q", n, code, page)
						return
					}
					counts[j] = n
				}
			}
		})
	}
	moved := 0
	var used [3][]int
	for i, from := range masters {
		used[i] = usedSlots(t, from)
	}
	for i, from := range masters {
		to := masters[(i+1)%3]
		for _, slot := range used[i][:min(len(used[i]), 15)] {
			beginMove(t, from, to, slot)
			moved += moveKeys(t, from, to, slot)
			endMove(t, masters, to, slot)
		}
	}
	close(stop)
	wg.Wait()
	if moved < 15 {
		t.Errorf("only %d keys were moved", moved)
	}
	n := 0
	for _, err := range m.All(t.Context()) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != len(browsers) {
		t.Errorf("All yields %d sessions, want %d", n, len(browsers))
	}
	for i, b := range browsers {
		if counts[i] > 0 {
			b.Wants(t, "/", fmt.Sprint(counts[i], " ", map[bool]string{true: fmt.Sprint("user", i)}[i%2 == 0]))
		}
	}
	if n, err := m.DestroyOwned(t.Context(), "user0"); n != 1 || err != nil {
		t.Errorf("DestroyOwned: %d, %v", n, err)
	}
}

// A record that moves during a listing is yielded exactly once: from a master whose turn
// is to come to one whose turn is over, and the other way round.
func TestListingWhileSlotsMove(t *testing.T) {
	_, url, masters := mastersOf(t, sharedCluster)
	s := open(t, url, func(cfg *driver.Config) { cfg.Namespace = "listing" })
	const records = 300
	for i := range records {
		var key driver.Key
		binary.BigEndian.PutUint64(key[:], uint64(i))
		if err := s.Save(t.Context(), key, 0, record(1, "", "x")); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[driver.Key]int)
	moved := 0
	for entry, err := range s.(driver.Lister).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[entry.Key]++; len(seen) != 1 {
			continue
		}
		// One master has been scanned in part or whole. All others swap some slots.
		// Each slot moves once: a Cluster can lose the keys of one that moves again at once.
		var slots [3][]int
		for i, from := range masters {
			slots[i] = usedSlots(t, from)
		}
		for i, from := range masters {
			for n, slot := range slots[i][:min(20, len(slots[i]))] {
				to := masters[(i+1+n%2)%3]
				beginMove(t, from, to, slot)
				moved += moveKeys(t, from, to, slot)
				endMove(t, masters, to, slot)
			}
		}
	}
	if len(seen) != records || moved == 0 {
		t.Errorf("%d of %d records, while %d keys moved", len(seen), records, moved)
	}
	for i := range records {
		var key driver.Key
		binary.BigEndian.PutUint64(key[:], uint64(i))
		if _, err := s.Load(t.Context(), key); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was yielded %d times", key, n)
		}
	}
}

// A replica takes over from its master under load, as for an upgrade. The master
// hands over when the replica has all writes, so nothing is lost.
func TestClusterFailoverUnderLoad(t *testing.T) {
	c, url, masters := mastersOf(t, clusterToBreak)
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	site.ServesThroughRestarts(t, shop, 6, 3, 100, func(i int) {
		id := myID(t, masters[i])
		for _, node := range c.Nodes {
			raw := client(t, node.Addr)
			info := raw.Info(t.Context(), "replication").Val()
			_, port, _ := net.SplitHostPort(masters[i].Options().Addr)
			if !strings.Contains(info, "role:slave") || !strings.Contains(info, "master_port:"+port) {
				continue
			}
			var asked time.Time
			eventually(t, "the replica becomes the master", func() bool {
				if time.Since(asked) > 10*time.Second { // Redis gives up after 5
					asked = time.Now()
					if err := raw.ClusterFailover(t.Context()).Err(); err != nil {
						t.Error(err)
					}
				}
				return strings.Contains(raw.Info(t.Context(), "replication").Val(), "role:master")
			})
			return
		}
		t.Errorf("%s has no replica", id)
	})
}

// One master down: the sessions of the others are served.
func TestClusterWithoutOneMaster(t *testing.T) {
	c, url, masters := mastersOf(t, clusterToBreak)
	for _, m := range masters {
		if err := m.ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, url)
	var alive, down driver.Key
	lost := masters[0].Options().Addr
	cluster := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{lost}})
	defer cluster.Close()
	for i := byte(0); alive == down || down == (driver.Key{}) || alive == (driver.Key{}); i++ {
		key := driver.Key{1, i}
		if err := s.Save(t.Context(), key, 0, record(1, "", "x")); err != nil {
			t.Fatal(err)
		}
		node, err := cluster.MasterForKey(t.Context(), "sessions::"+key.String())
		if err != nil {
			t.Fatal(err)
		}
		if node.Options().Addr == lost {
			down = key
		} else {
			alive = key
		}
	}
	for _, node := range c.Nodes {
		if node.Addr == lost {
			node.Kill()
			defer func() {
				if err := node.Start(); err != nil {
					t.Error(err)
				}
			}()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Load(ctx, alive); err != nil {
		t.Errorf("a session of a master that is up: %v", err)
	}
	if err := s.Save(ctx, down, 1, record(2, "", "y")); err == nil || errors.Is(err, driver.ErrConflict) {
		t.Errorf("a session of the master that is down: %v", err)
	}
	if err := s.Save(ctx, alive, 1, record(2, "", "y")); err != nil {
		t.Errorf("a session of a master that is up: %v", err)
	}
}

func TestClusterWithoutTheParameter(t *testing.T) {
	s := open(t, "redis://"+strings.Split(strings.TrimPrefix(clusterURL(t), "redis://"), ",")[0])
	misses := 0
	for i := range byte(20) { // most of them are on other masters
		_, err := s.Load(t.Context(), driver.Key{i})
		if errors.Is(err, driver.ErrNotFound) {
			continue
		}
		misses++
		for what, err := range map[string]error{"Load": err, "Save": s.Save(t.Context(), driver.Key{i}, 0, record(1, "", ""))} {
			if err == nil || !strings.Contains(err.Error(), "cluster=true") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if misses == 0 {
		t.Error("all keys were on this node")
	}
}

func TestWaitOnCluster(t *testing.T) {
	_, url, masters := mastersOf(t, sharedCluster)
	s := open(t, url+"&wait=1", func(cfg *driver.Config) { cfg.Namespace = "wait" })
	for i := range byte(20) {
		if err := s.Save(t.Context(), driver.Key{i}, 0, record(1, "ann", "x")); err != nil {
			t.Fatal(err)
		}
	}
	// The client does not know yet that some have moved, or are moving.
	var slots [3][]int
	for i, from := range masters {
		slots[i] = usedSlots(t, from)
	}
	var moving []func()
	for i, from := range masters {
		for n, slot := range slots[i] {
			to := masters[(i+1)%3]
			beginMove(t, from, to, slot)
			moveKeys(t, from, to, slot)
			if n%2 == 0 {
				endMove(t, masters, to, slot)
			} else {
				moving = append(moving, func() { endMove(t, masters, to, slot) })
			}
		}
	}
	if len(moving) == 0 {
		t.Error("no slot is moving")
	}
	for i := range byte(20) {
		if err := s.Save(t.Context(), driver.Key{i}, 1, record(2, "ann", "y")); err != nil {
			t.Errorf("Save: %v", err)
		}
		if err := s.Delete(t.Context(), driver.Key{i}, 2); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	for _, end := range moving {
		end()
	}
}

func TestWait(t *testing.T) {
	server, url := own(t)
	var log logged
	s := open(t, url+"?wait=1", func(cfg *driver.Config) { cfg.Logger = log.logger() })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := s.Save(ctx, key, 0, record(1, "", "x"))
	if err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrNotWritten) || !strings.Contains(err.Error(), "0 of 1") {
		t.Errorf("without a replica: %v", err)
	}
	if _, err := s.Load(t.Context(), key); err != nil {
		t.Errorf("it is not stored: %v", err)
	}
	if n := log.with("not confirmed"); n != 1 {
		t.Errorf("%d warnings: %s", n, log.messages)
	}
	// The manager finds that it is stored.
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url + "?wait=1", StoreTimeout: 5 * time.Second}))}
	b.Wants(t, "/visit", "1 ")

	host, port, _ := net.SplitHostPort(server.Addr)
	replica := servers.OwnRedis(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	raw := client(t, server.Addr)
	eventually(t, "the replica is in sync", func() bool {
		return strings.Contains(raw.Info(t.Context(), "replication").Val(), "state=online")
	})
	s2 := openWith(t, redis.New(nil, redis.Options{WaitReplicas: 1}), url)
	if err := s2.Save(t.Context(), key, 1, record(2, "ann", "y")); err != nil {
		t.Errorf("with a replica: %v", err)
	}
	onReplica := client(t, replica.Addr)
	if v := onReplica.Get(t.Context(), "sessions::"+key.String()).Val(); !strings.HasSuffix(v[:len(v)-4], "y") {
		t.Errorf("the replica has %q", v)
	}
	if err := s2.Save(t.Context(), key, 1, record(3, "ann", "z")); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("a conflict: %v", err)
	}
}

// A node refuses a script on keys of two slots, and so does a proxy of a Cluster, to which
// the client is that of a single server. The manager then calls Save.
func TestRenewOnTwoSlotsIsUnsupported(t *testing.T) {
	s := open(t, "redis://"+strings.Split(strings.TrimPrefix(clusterURL(t), "redis://"), ",")[0])
	r, ok := s.(driver.Renewer)
	if !ok {
		t.Fatal("the store of a single server is no driver.Renewer")
	}
	rec := driver.Record{Version: 1, Expires: driver.MillisOf(time.Now().Add(time.Hour)), Owner: "user:42"}
	for range 2 { // the second is not sent
		if err := r.Renew(t.Context(), driver.Key{1}, 1, rec, driver.Key{2}, rec); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("got %v, want errors.ErrUnsupported", err)
		}
	}
}
