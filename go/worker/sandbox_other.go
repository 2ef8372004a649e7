//go:build !linux || (!amd64 && !arm64)

package main

import (
	"fmt"
	"os"
)

// runSandbox refuses: nothing here keeps a command where it belongs.
func runSandbox(arguments []string) int {
	fmt.Fprintln(os.Stderr, "sandbox: plugins run on Linux alone, on amd64 and arm64")
	return exitSandbox
}
