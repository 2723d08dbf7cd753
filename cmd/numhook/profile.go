//go:build profile

package main

import (
	"log"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// With the tag profile, which only "make profile" sets, every second SIGUSR1 ends a profile of the processor that the
// one before it began: cpu.pprof in the working directory. From it come the frequent calls that the compiler puts in
// line (default.pgo).
func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			file, err := os.Create("cpu.pprof.new")
			if err != nil {
				log.Fatal(err)
			}
			if err := pprof.StartCPUProfile(file); err != nil {
				log.Fatal(err)
			}
			<-signals
			pprof.StopCPUProfile()
			if err := file.Close(); err != nil {
				log.Fatal(err)
			}
			if err := os.Rename("cpu.pprof.new", "cpu.pprof"); err != nil {
				log.Fatal(err)
			}
		}
	}()
}
