package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

const (
	watchEvery = 10 * time.Millisecond
	// The address space also holds the program, its reserved arenas and thread stacks; the hard limit only stops a single
	// huge allocation that the watch would see too late.
	addressSlack = 3 << 30
	// An idle process gives its free memory back when it has answered nothing for this long.
	idleAfter = 2 * time.Second
)

var (
	idleTimer   *time.Timer
	memoryWatch = time.NewTicker(time.Hour)
)

// watch says whether a request is being answered: only then is memory looked at, so that an idle process sleeps.
func watch(busy bool) {
	if busy {
		memoryWatch.Reset(watchEvery)
	} else {
		memoryWatch.Stop()
	}
}

// boundMemory makes the process exit when its heap grows beyond bound (in bytes): softly by collecting harder near it,
// firmly by watching, and by the address space for one huge allocation.
func boundMemory(bound int64) {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(bound * 3 / 4)
	hard := uint64(bound + addressSlack)
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: hard, Max: hard})
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	go watchMemory(uint64(bound))
}

func watchMemory(bound uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	for range memoryWatch.C {
		metrics.Read(samples)
		used := uint64(0)
		for _, sample := range samples {
			used += sample.Value.Uint64()
		}
		if used > bound {
			fmt.Fprintf(os.Stderr, "worker: the request needs more than the %d MiB of memory it may have\n", bound>>20)
			os.Exit(exitMemory)
		}
	}
}

// rest is called after each answer: memory goes back to the system once no further request comes.
func rest() {
	if idleTimer == nil {
		idleTimer = time.AfterFunc(idleAfter, debug.FreeOSMemory)
		return
	}
	idleTimer.Reset(idleAfter)
}
