package redis

import (
	"context"
	"slices"
	"strings"
	"sync"

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
		cluster.ReloadState(ctx)
		var mu sync.Mutex
		var states []string
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			nodes, err := master.ClusterNodes(ctx).Result()
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			t.masters = append(t.masters, master)
			for line := range strings.Lines(nodes) {
				if slots, ok := ownSlots(line); ok {
					states = append(states, slots)
					t.moving = t.moving || strings.Contains(slots, "[")
				}
			}
			return nil
		})
		slices.Sort(states)
		t.state = strings.Join(states, "\n")
		return err
	})
	return t, err
}

// ownSlots returns the ID and the slots in a line of CLUSTER NODES, if it is that of
// the node that wrote it:
//
//	id address flags master ping-sent pong-received epoch link-state slot...
//
// A slot that is being moved is in brackets; only the node itself lists it.
func ownSlots(line string) (string, bool) {
	fields := strings.Fields(line)
	if len(fields) < 8 || !slices.Contains(strings.Split(fields[2], ","), "myself") {
		return "", false
	}
	return fields[0] + " " + strings.Join(fields[8:], " "), true
}
