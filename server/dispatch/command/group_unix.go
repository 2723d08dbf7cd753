//go:build unix

package command

import (
	"os"
	"syscall"
)

// group is the process group that a program leads.
type group struct{ leader *os.Process }

func (g group) terminate() { _ = syscall.Kill(-g.leader.Pid, syscall.SIGTERM) } // a group that is gone needs no signal

func (g group) kill() { _ = syscall.Kill(-g.leader.Pid, syscall.SIGKILL) }
