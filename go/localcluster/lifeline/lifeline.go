// Package lifeline ends this process when the one that started it is gone, however it went.
package lifeline

import (
	"io"
	"os"
)

// Variable is set to 1 in the environment by a starter that holds the other end of this process's standard input.
const Variable = "TRUEUP_LIFELINE"

// Watch returns at once; where a starter holds the line, the process exits as soon as the line closes. The kernel
// closes it when the starter ends, even by SIGKILL, which no handler in the starter could answer.
func Watch() {
	if os.Getenv(Variable) != "1" {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
}
