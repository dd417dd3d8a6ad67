// Package cputime tells how much processor time the program has used: the figure that stays
// comparable on a machine that does other work too.
package cputime

import (
	"syscall"
	"time"
)

// Seconds is the processor time of this process so far, all threads together.
func Seconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
