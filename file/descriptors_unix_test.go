//go:build unix

package file

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

func init() {
	// stores N LIMIT: use all locks of N stores, while half of LIMIT descriptors are
	// used for something else, such as connections.
	children["stores"] = func(dir string, args []string) error {
		n, _ := strconv.Atoi(args[0])
		most, _ := strconv.Atoi(args[1])
		if err := limit(unix.RLIMIT_NOFILE, uint64(most)); err != nil {
			return err
		}
		for range most / 2 {
			if _, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
				return err
			}
		}
		for range 2 { // the second time, all that may stay open is open
			var stores []*store
			for i := range n {
				s, err := openDir(filepath.Join(dir, strconv.Itoa(i)), Options{})
				if err != nil {
					return err
				}
				stores = append(stores, s)
				for j := range shardCount {
					key := driver.Key{byte(j), 1}
					if err := s.Save(ctx, key, 0, until(1<<60+driver.Millis(j)*day)); err != nil {
						return err
					}
					if err := s.Delete(ctx, key, 0); err != nil {
						return err
					}
				}
				if _, err := s.Sweep(ctx); err != nil {
					return err
				}
			}
			for _, s := range stores {
				if err := s.Close(); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// What the stores of a process keep open leaves descriptors for everything else.
func TestFewDescriptors(t *testing.T) {
	for _, limit := range []int{64, 256} {
		for _, stores := range []int{1, 3, 10} {
			t.Run(strconv.Itoa(stores)+" stores, "+strconv.Itoa(limit)+" descriptors", func(t *testing.T) {
				start(t, quickDir(t), "stores "+strconv.Itoa(stores)+" "+strconv.Itoa(limit)).wait()
			})
		}
	}
}
