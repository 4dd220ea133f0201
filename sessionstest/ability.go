package sessionstest

import (
	"fmt"
	"slices"
	"strings"
)

// Ability is a part of the contract that depends on the backend. A harness
// lists in Cannot what its backend lacks; everything else is tested.
type Ability string

const (
	// List: the store implements driver.Lister.
	List Ability = "List"
	// Owners: the store implements driver.Owners.
	Owners Ability = "Owners"
	// Sweep: the store implements driver.Sweeper and removes expired records
	// at Config.SweepInterval. List it in Cannot if the server removes them.
	Sweep Ability = "Sweep"
	// Share: two stores that are open at the same time with the same Config see
	// the same records. List it in Cannot for a store in process memory, and for
	// one whose database is locked while it is open; Processes is then not tested
	// either.
	Share Ability = "Share"
	// Reopen: records survive Close and can be loaded after another Open with
	// the same Config.
	Reopen Ability = "Reopen"
	// Processes: a second process that opens the same Config sees the same
	// records.
	Processes Ability = "Processes"
	// Goroutines: Close ends every goroutine that the store's calls started.
	// List it in Cannot for a store on a client that its caller closes.
	Goroutines Ability = "Goroutines"
)

var abilities = []Ability{List, Owners, Sweep, Share, Reopen, Processes, Goroutines}

// checkCannot returns an error for a declaration that has no effect: an unknown
// Ability, or no reason.
func checkCannot(cannot map[Ability]string) error {
	for a, why := range cannot {
		if !slices.Contains(abilities, a) {
			return fmt.Errorf("sessionstest: Cannot has the unknown Ability %q", a)
		}
		if strings.TrimSpace(why) == "" {
			return fmt.Errorf("sessionstest: Cannot[%s] gives no reason", a)
		}
	}
	return nil
}
