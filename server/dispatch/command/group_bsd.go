//go:build unix && !linux

package command

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program into a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// await waits for the program's end, and calls ended.
func await(cmd *exec.Cmd, ended func()) error {
	defer ended()
	return cmd.Wait()
}
