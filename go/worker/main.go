// Command worker renders manifests and evaluates expressions in the languages that Kubernetes manifests are written
// in, for a parent that talks to it in frames on standard input and output. It binds libraries together and decides
// nothing: one request at a time, no network, no environment, no file outside the folders a request names.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
)

// Version is the worker's own version, set at build time; the libraries' versions are added to it.
var Version = "dev"

const (
	exitOK       = 0
	exitUsage    = 2
	exitProtocol = 3
	exitMemory   = 77
	exitSandbox  = 78
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sandbox" {
		os.Exit(runSandbox(os.Args[2:]))
	}
	role := flag.String("role", "", "what this process does: render, decrypt or evaluate")
	memory := flag.Int64("memory-mib", 512, "exit when the heap grows beyond this many MiB")
	version := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *version {
		fmt.Println(describeVersion())
		return
	}
	handlers := map[string]handler{"render": handleRender, "evaluate": handleEvaluate}
	if decrypts {
		handlers["decrypt"] = handleDecrypt
	}
	handle, known := handlers[*role]
	if !known {
		fmt.Fprintln(os.Stderr, "worker: --role must be render or evaluate, or decrypt where it is built with the tag sops")
		os.Exit(exitUsage)
	}
	forgetEnvironment()
	refuseNetwork()
	if *role == "decrypt" {
		// Another worker, taken over by what it renders, must not read the keys in this one's memory.
		if err := hideMemory(); err != nil {
			fmt.Fprintln(os.Stderr, "worker: its memory is not hidden by the kernel:", err)
		}
	}
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "worker: not confined by the kernel:", err)
	}
	boundMemory(*memory << 20)
	// One request at a time, and a second thread for the garbage: more would only fight with the other workers.
	runtime.GOMAXPROCS(min(runtime.NumCPU(), 2))
	os.Exit(serve(os.Stdin, os.Stdout, handle))
}

// handler answers the body of one request.
type handler func(body []byte) response

// serve answers requests until the input ends, and gives the process' exit code.
func serve(input io.Reader, output io.Writer, handle handler) int {
	requests := make(chan request)
	go receive(bufio.NewReaderSize(input, 64<<10), requests)
	writer := bufio.NewWriterSize(output, 64<<10)
	// The first frame tells the parent that the process is ready, and what it is.
	if err := writeFrame(writer, mustEncode(hello{Version: describeVersion()})); err != nil {
		return exitProtocol
	}
	for next := range requests {
		if errors.Is(next.err, io.EOF) {
			return exitOK
		}
		if next.err != nil {
			fmt.Fprintln(os.Stderr, "worker:", next.err)
			return exitProtocol
		}
		watch(true)
		answer := answerSafely(handle, next.body)
		watch(false)
		answering.Store(false)
		if err := writeFrame(writer, encodeAnswer(answer)); err != nil {
			return exitProtocol
		}
		rest()
	}
	return exitOK
}

// request is one frame, or why there is none.
type request struct {
	body []byte
	err  error
}

// answering says that a request is being worked on.
var answering atomic.Bool

// receive reads frames ahead of their handling, so that the end of the input is seen at once: the parent is gone then,
// and a request under way, which may never end by itself, has nobody to answer.
func receive(reader *bufio.Reader, requests chan<- request) {
	for {
		body, err := readFrame(reader)
		if err != nil && answering.Load() {
			os.Exit(exitOK)
		}
		answering.Store(err == nil)
		requests <- request{body, err}
		if err != nil {
			return
		}
	}
}

// answerSafely turns a panic of a library into a problem: it costs its request, not the process.
func answerSafely(handle handler, body []byte) (answer response) {
	var head struct {
		ID uint64 `json:"id"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return response{Problem: problemf("protocol", "the request is not JSON: %v", err)}
	}
	defer func() {
		if reason := recover(); reason != nil {
			answer = response{Problem: problemf("crashed", "the renderer panicked: %v", reason)}
		}
		answer.ID = head.ID
	}()
	return handle(body)
}

func encodeAnswer(answer response) []byte {
	encoded, err := json.Marshal(answer)
	if err == nil && len(encoded) <= maxFrame {
		return encoded
	}
	problem := problemf("too-large", "the rendered objects take more than %d MiB", maxFrame>>20)
	if err != nil {
		problem = problemf("build", "the rendered objects cannot be written as JSON: %v", err)
	}
	return mustEncode(response{ID: answer.ID, InputPaths: answer.InputPaths, Problem: problem})
}

func mustEncode(value any) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return encoded
}
