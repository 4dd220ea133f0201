package redis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxPasses is how often a listing scans a cluster at most. While slots move, a scan
// may miss a record that moves from a master whose turn is still to come to one whose
// turn is over. Another pass finds it, unless it moves again.
const maxPasses = 3

// topology is where a cluster's slots are. Of a single server, state is empty.
type topology struct {
	masters []redis.Cmdable
	state   string // what the masters say about themselves
	moving  bool   // a slot is being moved
}

func (s *store) topology(ctx context.Context) (topology, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return topology{masters: []redis.Cmdable{s.client}}, nil
	}
	var t topology
	err := s.do(ctx, "list", func() error {
		for range 50 {
			var known bool
			var err error
			if t, known, err = readTopology(ctx, cluster); known || err != nil {
				return err
			}
			cluster.ReloadState(ctx) // in the background
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
		return errors.New("the nodes of the Cluster do not agree on its masters")
	})
	return t, err
}

// readTopology asks each master that the client knows. It reports whether these are all
// that the masters know.
func readTopology(ctx context.Context, cluster *redis.ClusterClient) (t topology, known bool, err error) {
	var mu sync.Mutex
	var states []string
	asked, named := make(map[string]bool), make(map[string]bool) // IDs of masters
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		answer, err := master.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		t.masters = append(t.masters, master)
		for line := range strings.Lines(answer) {
			n, ok := parseNode(line)
			if !ok {
				continue
			}
			named[n.id] = true
			if n.myself {
				asked[n.id] = true
				states = append(states, n.id+" "+n.slots)
				t.moving = t.moving || strings.Contains(n.slots, "[")
			}
		}
		return nil
	})
	slices.Sort(states)
	t.state = strings.Join(states, "\n")
	return t, maps.Equal(asked, named), err
}

// node is a master that has slots.
type node struct {
	id, slots string
	myself    bool // it wrote the line
}

// parseNode parses a line of the answer to CLUSTER NODES:
//
//	id address flags master ping-sent pong-received epoch link-state slot...
//
// A slot that is being moved is in brackets; only the node itself lists it.
func parseNode(line string) (node, bool) {
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return node{}, false
	}
	flags := strings.Split(fields[2], ",")
	return node{id: fields[0], slots: strings.Join(fields[8:], " "), myself: slices.Contains(flags, "myself")},
		slices.Contains(flags, "master")
}
