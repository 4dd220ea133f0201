package servers

import "syscall"

// endWithParent ends a server whose test program was killed.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGTERM }
