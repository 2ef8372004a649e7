//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a renderer has no use for and a hostile manifest would: the network, other programs, other processes' memory.
var refusedCalls = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_SENDTO,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_MOUNT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF, unix.SYS_IO_URING_SETUP,
}

var auditArchitecture = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64,
	"arm64": unix.AUDIT_ARCH_AARCH64,
}

// x32 calls on amd64 carry this bit and would pass a filter on plain numbers.
const x32Bit = 0x40000000

// namespaceFlags are those of clone that make namespaces, in which a process may do what it may not outside.
const namespaceFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// confine keeps this process from what a renderer has no use for.
func confine() error {
	return filterCalls(refusedCalls, false)
}

// filterCalls installs a filter on every thread, for good: the refused calls fail with EACCES. With clones, processes
// may be made, in no namespaces of their own.
func filterCalls(refusedCalls []uint32, clones bool) error {
	statement := func(code uint16, value uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: value} }
	jump := func(code uint16, value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: code, Jt: yes, Jf: no, K: value}
	}
	const (
		load     = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		atLeast  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		anyOf    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		give     = unix.BPF_RET | unix.BPF_K
		callAt   = 0
		archAt   = 4
		firstAt  = 16
		unknown  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		refused  = unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)
		allowed  = unix.SECCOMP_RET_ALLOW
		mismatch = unix.SECCOMP_RET_KILL_PROCESS
	)
	filter := []unix.SockFilter{
		statement(load, archAt),
		jump(equal, auditArchitecture[runtime.GOARCH], 1, 0),
		statement(give, mismatch),
		statement(load, callAt),
		jump(atLeast, x32Bit, 0, 1),
		statement(give, mismatch),
	}
	for _, call := range refusedCalls {
		filter = append(filter, jump(equal, call, 0, 1), statement(give, refused))
	}
	if clones {
		// The flags of clone3 stand in memory, where a filter cannot look: without it, libraries use clone.
		filter = append(filter, jump(equal, unix.SYS_CLONE3, 0, 1), statement(give, unknown),
			jump(equal, unix.SYS_CLONE, 0, 3), statement(load, firstAt),
			jump(anyOf, namespaceFlags, 0, 1), statement(give, refused))
	}
	filter = append(filter, statement(give, allowed))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// hideMemory keeps other processes of the same user from this one's memory, and a core from the disk.
func hideMemory() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
