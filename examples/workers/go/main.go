// A worker in Go: warms up in a phase, beats every millisecond, stops on SIGTERM or SIGINT.
//
//	go build -o worker . && SHM_LIVENESS_REGION=camera ./worker grabber
//
// With --conformance it does what its standard input says (docs/conformance.md).
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"shm-liveness-worker/liveness"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--conformance" {
		serve(os.Stdin, os.Stdout)
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: worker NAME | worker --conformance")
		os.Exit(2)
	}
	if err := work(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func work(name string) error {
	heartbeat, err := liveness.Claim(liveness.Options{
		Name: name, MaxAge: 250 * time.Millisecond, CycleLimit: 20 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	if last, ok := heartbeat.LastWords(); ok {
		fmt.Printf("before: %s after %d beats\n", last.Ended, last.Beats)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	if err := heartbeat.BeginPhase("warm up", 2*time.Second); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	if err := heartbeat.EndPhase(); err != nil {
		return err
	}

	heartbeat.Beat()
	if err := heartbeat.Ready(); err != nil {
		return err
	}
	for ticker := time.NewTicker(time.Millisecond); ; {
		select {
		case <-stop:
			heartbeat.Stop() // without it the end would count as a death
			return nil
		case <-ticker.C:
			heartbeat.Beat()
		}
	}
}
