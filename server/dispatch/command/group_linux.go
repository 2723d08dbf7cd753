package command

import (
	"errors"
	"os/exec"
	"syscall"
	"unsafe"
)

// ownGroup puts the program into a process group of its own, and lets the kernel kill it when the receiver dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// Of waitid(2).
const (
	pPID    = 1
	wExited = 4
	wNoWait = 0x01000000
)

// await waits for the program's end, and calls ended before the system gives the number of the program, and with it
// that of the group, to anybody else.
func await(cmd *exec.Cmd, ended func()) error {
	var info [128]byte // siginfo_t
	for {
		//nolint:gosec // the kernel writes no more than a siginfo_t there
		_, _, number := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(cmd.Process.Pid), uintptr(unsafe.Pointer(&info)),
			wExited|wNoWait, 0, 0)
		if !errors.Is(number, syscall.EINTR) {
			break
		}
	}
	ended()
	return cmd.Wait()
}
