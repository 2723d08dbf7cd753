//go:build !unix

package command

import (
	"os"
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// await waits for the program's end, and calls ended.
func await(cmd *exec.Cmd, ended func()) error {
	defer ended()
	return cmd.Wait()
}

// group is the program alone: there are no process groups, and no signal that asks a program to end.
type group struct{ leader *os.Process }

func (group) terminate() {}

func (g group) kill() { _ = g.leader.Kill() }
