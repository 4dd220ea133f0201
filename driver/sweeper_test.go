package driver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

func TestSweeperInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds []time.Time
		start := time.Now()
		stop := driver.StartSweeper(driver.Config{SweepInterval: time.Minute}, func(context.Context) (int, error) {
			rounds = append(rounds, time.Now())
			return 0, nil
		})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		stop()
		stop()
		last := start
		for i, at := range rounds {
			if d := at.Sub(last); d < 54*time.Second || d > 66*time.Second {
				t.Errorf("round %d came after %v, want a minute give or take a tenth", i, d)
			}
			last = at
		}
		if n := len(rounds); n < 9 || n > 11 {
			t.Errorf("%d rounds in ten minutes", n)
		}
		time.Sleep(time.Hour)
		if n := len(rounds); n > 11 {
			t.Error("sweeps continue after stop")
		}
	})
}

func TestSweeperDefaultsToAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rounds := 0
		stop := driver.StartSweeper(driver.Config{}, func(context.Context) (int, error) { rounds++; return 0, nil })
		defer stop()
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if rounds != 1 {
			t.Errorf("%d rounds", rounds)
		}
	})
}

func TestNegativeIntervalStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := driver.StartSweeper(driver.Config{SweepInterval: -1}, func(context.Context) (int, error) {
			t.Error("swept")
			return 0, nil
		})
		time.Sleep(24 * time.Hour)
		stop()
	})
}

func TestStopCancelsTheSweepAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		stop := driver.StartSweeper(driver.Config{}, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // a slow store
			ended = true
			return 0, ctx.Err()
		})
		time.Sleep(2 * time.Minute)
		stop()
		if !ended {
			t.Error("stop returned during a sweep")
		}
	})
}

func TestFailedSweepIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		answers := []error{errors.New("disk on fire"), driver.ErrClosed, nil}
		round := 0
		stop := driver.StartSweeper(driver.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
			func(context.Context) (int, error) {
				err := answers[round%len(answers)]
				round++
				return 5, err
			})
		time.Sleep(200 * time.Second)
		synctest.Wait()
		stop()
		if round < 3 {
			t.Fatalf("%d rounds", round)
		}
		out := log.String()
		if strings.Count(out, "level=WARN") != 1 || !strings.Contains(out, "disk on fire") || !strings.Contains(out, "count=5") {
			t.Errorf("the log says:\n%s", out)
		}
	})
}
