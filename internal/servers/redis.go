//go:build unix

package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Redis returns a Redis server shared by the test program. It keeps its data in memory.
func Redis(t testing.TB) *Server {
	t.Helper()
	s, err := sharedRedis()
	check(t, err)
	return s
}

var sharedRedis = sync.OnceValues(func() (*Server, error) { return StartRedis() })

// OwnRedis returns a Redis server for this test only, with further arguments.
func OwnRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := StartRedis(args...)
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartRedis starts a Redis server with further arguments, which StopAll stops. Without
// --appendonly it loses its data when it stops.
func StartRedis(args ...string) (*Server, error) {
	return startRedis("redis-server", func(port int, dir string) []string {
		return append([]string{"--dir", dir, "--save", "", "--port", strconv.Itoa(port)}, args...)
	})
}

// startRedis starts a program of Redis. Its port is chosen here, and may be taken until
// the server listens, so startRedis tries again.
func startRedis(name string, args func(port int, dir string) []string) (s *Server, err error) {
	program, err := find(name, "/usr/bin/"+name, "/usr/local/bin/"+name)
	if err != nil {
		return nil, missing(name)
	}
	for range 3 {
		dir, as, dirErr := directory("redis", "nobody")
		port, portErr := freePort()
		if err := errors.Join(dirErr, portErr); err != nil {
			return nil, err
		}
		all := args(port, dir)
		s, err = launch(&Server{
			Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
			dir:  dir,
			command: func() *exec.Cmd {
				return command(as, dir, program, slices.Concat(all, []string{"--bind", "127.0.0.1", "--daemonize", "no"})...)
			},
			ready:    redisReady,
			graceful: syscall.SIGTERM,
		})
		if err == nil {
			return s, nil
		}
	}
	return nil, err
}

// redisReady requires an answer to PING. While a server loads its data, it answers with
// another error than NOAUTH.
var redisReady = answers("PING", "+PONG", "-NOAUTH")

// RedisCluster is a Redis Cluster of three masters, each with a replica.
type RedisCluster struct {
	Nodes []*Server
}

// OwnRedisCluster returns a Redis Cluster for this test only.
func OwnRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	c, err := StartRedisCluster()
	check(t, err)
	t.Cleanup(c.remove)
	return c
}

// StartRedisCluster starts a Redis Cluster, which StopAll stops.
func StartRedisCluster() (*RedisCluster, error) {
	cli, err := find("redis-cli", "/usr/bin/redis-cli", "/usr/local/bin/redis-cli")
	if err != nil {
		return nil, missing("redis-cli")
	}
	var c RedisCluster
	create := []string{"--cluster-yes", "--cluster-replicas", "1", "--cluster", "create"}
	for range 6 {
		node, err := startRedis("redis-server", func(port int, dir string) []string {
			bus, err := freePort()
			if err != nil {
				bus = 0 // the default
			}
			return []string{"--dir", dir, "--save", "", "--port", strconv.Itoa(port), "--cluster-enabled", "yes",
				"--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(bus),
				"--cluster-node-timeout", "15000", // the machine may be busy
				"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"}
		})
		if err != nil {
			c.remove()
			return nil, err
		}
		c.Nodes = append(c.Nodes, node)
		create = append(create, node.Addr)
	}
	if err := run(exec.Command(cli, create...)); err != nil {
		c.remove()
		return nil, err
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		if err = c.ready(); err == nil {
			return &c, nil
		}
		if time.Now().After(deadline) {
			c.remove()
			return nil, err
		}
	}
}

// ready returns nil when every node knows all slots and every replica is in sync.
func (c *RedisCluster) ready() error {
	for _, node := range c.Nodes {
		info, err := redisCommand(node.Addr, "CLUSTER INFO")
		if err != nil {
			return err
		}
		replication, err := redisCommand(node.Addr, "INFO replication")
		if err != nil {
			return err
		}
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:6") {
			return errors.New("the cluster is not complete")
		}
		if strings.Contains(replication, "role:slave") && !strings.Contains(replication, "master_link_status:up") ||
			strings.Contains(replication, "role:master") && !strings.Contains(replication, "state=online") {
			return errors.New("a replica is not in sync")
		}
	}
	return nil
}

// Addrs returns the addresses of the nodes, separated by commas.
func (c *RedisCluster) Addrs() string { return addrs(c.Nodes) }

func (c *RedisCluster) remove() {
	for _, node := range c.Nodes {
		node.remove()
	}
}

// RedisSentinel is a Redis master with two replicas and three Sentinels that know it as
// "sessions".
type RedisSentinel struct {
	Servers   []*Server // the first was started as the master
	Sentinels []*Server
}

// OwnRedisSentinel returns servers with Sentinels for this test only.
func OwnRedisSentinel(t testing.TB) *RedisSentinel {
	t.Helper()
	s, err := StartRedisSentinel()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartRedisSentinel starts servers with Sentinels, which StopAll stops.
func StartRedisSentinel() (*RedisSentinel, error) {
	var s RedisSentinel
	err := s.start()
	if err != nil {
		s.remove()
		return nil, err
	}
	return &s, nil
}

func (s *RedisSentinel) start() error {
	master, err := StartRedis("--repl-diskless-sync-delay", "0", "--appendonly", "no")
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, master)
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		return err
	}
	for range 2 {
		replica, err := StartRedis("--replicaof", host, port, "--repl-diskless-sync-delay", "0")
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, replica)
	}
	for range 3 {
		sentinel, err := startRedis("redis-server", func(sentinelPort int, dir string) []string {
			path := filepath.Join(dir, "sentinel.conf")
			config := fmt.Sprintf("port %d\nsentinel monitor sessions %s %s 2\n"+
				"sentinel down-after-milliseconds sessions 10000\nsentinel failover-timeout sessions 10000\n", sentinelPort, host, port)
			// The Sentinel reports a missing file when it starts. It rewrites it, perhaps as another user.
			_ = os.WriteFile(path, []byte(config), 0o666)
			_ = os.Chmod(path, 0o666)
			return []string{path, "--sentinel"}
		})
		if err != nil {
			return err
		}
		s.Sentinels = append(s.Sentinels, sentinel)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		if err = s.ready(); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// ready returns nil when the replicas are in sync and every Sentinel knows all others.
func (s *RedisSentinel) ready() error {
	replication, err := redisCommand(s.Servers[0].Addr, "INFO replication")
	if err != nil {
		return err
	}
	if strings.Count(replication, "state=online") != 2 {
		return errors.New("a replica is not in sync")
	}
	for _, sentinel := range s.Sentinels {
		info, err := redisCommand(sentinel.Addr, "INFO sentinel")
		if err != nil {
			return err
		}
		if !strings.Contains(info, "status=ok") || !strings.Contains(info, "slaves=2,sentinels=3") {
			return fmt.Errorf("a Sentinel does not know all others: %s", info)
		}
	}
	return nil
}

// Addrs returns the addresses of the Sentinels, separated by commas.
func (s *RedisSentinel) Addrs() string { return addrs(s.Sentinels) }

func (s *RedisSentinel) remove() {
	for _, server := range append(s.Sentinels, s.Servers...) {
		server.remove()
	}
}

func addrs(servers []*Server) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.Addr)
	}
	return strings.Join(list, ",")
}

// redisCommand sends a command whose answer is a bulk string.
func redisCommand(addr, command string) (answer string, err error) {
	err = ask(addr, command, func(r *bufio.Reader) error {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "$")))
		if err != nil || size < 0 {
			return fmt.Errorf("the response is %q", line)
		}
		b := make([]byte, size)
		_, err = io.ReadFull(r, b)
		answer = string(b)
		return err
	})
	return answer, err
}
