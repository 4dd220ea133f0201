package sessionstest

import (
	"fmt"
	"slices"
	"strings"
)

// Ability is something that the contract leaves to the backend. A harness
// declares in Cannot what its backend lacks; everything else is tested.
type Ability string

const (
	// List: the store implements driver.Lister.
	List Ability = "List"
	// Owners: the store implements driver.Owners.
	Owners Ability = "Owners"
	// Sweep: the store implements driver.Sweeper and removes expired records
	// by itself at Config.SweepInterval. A store whose server removes them
	// declares that it cannot.
	Sweep Ability = "Sweep"
	// Share: two stores open at the same time with the same Config see the
	// same records. A store that cannot, because its records are its own or its
	// database is locked while it is open, is not asked for Processes either.
	Share Ability = "Share"
	// Reopen: records survive Close and are there after another Open with the
	// same Config.
	Reopen Ability = "Reopen"
	// Processes: a second process that opens the same Config sees the same
	// records.
	Processes Ability = "Processes"
	// Goroutines: Close ends every goroutine that the store's calls started. A
	// store on a client that its caller keeps open declares that it cannot.
	Goroutines Ability = "Goroutines"
)

var abilities = []Ability{List, Owners, Sweep, Share, Reopen, Processes, Goroutines}

// checkCannot refuses a declaration that would silently declare nothing.
func checkCannot(cannot map[Ability]string) error {
	for a, why := range cannot {
		if !slices.Contains(abilities, a) {
			return fmt.Errorf("sessionstest: Cannot names %q, which is no Ability", a)
		}
		if strings.TrimSpace(why) == "" {
			return fmt.Errorf("sessionstest: Cannot[%s] gives no reason", a)
		}
	}
	return nil
}
