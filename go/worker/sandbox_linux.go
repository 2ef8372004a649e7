//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a plugin's commands have no use for: other processes' memory, other namespaces, the kernel's own tools, and
// process groups of their own, by which they would outlive their parent's patience.
var refusedToPlugins = []uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF, unix.SYS_IO_URING_SETUP,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_SETSID, unix.SYS_SETPGID, unix.SYS_PIDFD_GETFD,
}

var networkCalls = []uint32{unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN}

const (
	landlockFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	landlockRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockTCP    = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	landlockScopes = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// landlockBits are the accesses to files that each version of the kernel's interface knows, from the first on.
var landlockBits = []uint{13, 14, 15, 15, 16}

type paths []string

func (p *paths) String() string         { return strings.Join(*p, ":") }
func (p *paths) Set(value string) error { *p = append(*p, value); return nil }

// runSandbox confines this process and becomes the command that stands after its flags; it returns only when it cannot.
func runSandbox(arguments []string) int {
	var readable, writable paths
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.Var(&readable, "read", "a file or folder that may be read and executed")
	flags.Var(&writable, "write", "a file or folder that may be changed")
	network := flags.Bool("network", false, "let it use the network")
	memory := flags.Uint64("data-mib", 1024, "memory of each process in MiB")
	seconds := flags.Uint64("cpu-seconds", 60, "processor time of each process")
	file := flags.Uint64("file-mib", 256, "size of a file that it writes")
	if err := flags.Parse(arguments); err != nil || flags.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "sandbox: name a command")
		return exitUsage
	}
	if err := become(flags.Args(), readable, writable, *network, *memory<<20, *seconds, *file<<20); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
	}
	return exitSandbox
}

func become(command []string, readable, writable []string, network bool, memory, seconds, file uint64) error {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	// The rules of Landlock hold for one thread: the one that becomes the command.
	runtime.LockOSThread()
	for resource, bound := range map[int]uint64{
		unix.RLIMIT_DATA: memory, unix.RLIMIT_CPU: seconds, unix.RLIMIT_FSIZE: file, unix.RLIMIT_NOFILE: 1024, unix.RLIMIT_CORE: 0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: bound, Max: bound}); err != nil {
			return fmt.Errorf("bound: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := landlock(readable, writable, network); err != nil {
		return fmt.Errorf("Landlock: %w", err)
	}
	refused := refusedToPlugins
	if !network {
		refused = append(append([]uint32{}, refused...), networkCalls...)
	}
	if err := filterCalls(refused, true); err != nil {
		return err
	}
	return syscall.Exec(program, command, os.Environ())
}

// landlock lets this thread, and what it becomes, at these paths alone.
func landlock(readable, writable []string, network bool) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errors.New("this kernel has none (Linux 5.13 and later do, where it is switched on)")
	}
	bits := landlockBits[min(int(version), len(landlockBits))-1]
	all := uint64(1)<<bits - 1
	rules := unix.LandlockRulesetAttr{Handled_access_fs: all}
	size := uintptr(8)
	if version >= 4 {
		size = 16
		if !network {
			rules.Handled_access_net = landlockTCP
		}
	}
	if version >= 6 {
		size, rules.Scoped = 24, landlockScopes
	}
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(set))
	for _, path := range readable {
		if err := letAt(int(set), path, landlockRead&all); err != nil {
			return err
		}
	}
	for _, path := range writable {
		if err := letAt(int(set), path, all); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// letAt adds one path; one that is not there is none.
func letAt(set int, path string, access uint64) error {
	opened, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(opened)
	var status unix.Stat_t
	if err := unix.Fstat(opened, &status); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= landlockFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(opened)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("%s: %w", path, errno)
	}
	return nil
}
