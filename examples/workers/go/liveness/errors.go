package liveness

import (
	"errors"
	"fmt"
	"syscall"
)

// Error is any failure of this package. Code is stable, and the same in all languages.
type Error struct {
	Code string
	// About names the region and the worker.
	About string
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.About, e.Code, e.Cause)
	}
	return e.About + ": " + e.Code
}

func (e *Error) Unwrap() error { return e.Cause }

var codeOfErrno = map[syscall.Errno]string{
	syscall.ENOENT:  "REGION_MISSING",
	syscall.ENOTDIR: "REGION_MISSING",
	syscall.ELOOP:   "REGION_NOT_A_FILE",
	syscall.EISDIR:  "REGION_NOT_A_FILE",
	syscall.ENXIO:   "REGION_NOT_A_FILE",
	syscall.EACCES:  "REGION_ACCESS",
	syscall.EPERM:   "REGION_ACCESS",
	syscall.ENOSPC:  "NO_SPACE",
	syscall.EDQUOT:  "NO_SPACE",
	syscall.ENOMEM:  "NO_MEMORY",
}

// fault is a code without its place, until Claim names that.
type fault string

func (f fault) Error() string { return string(f) }

func located(err error, about string) error {
	var code fault
	if errors.As(err, &code) {
		return &Error{Code: string(code), About: about}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if known, ok := codeOfErrno[errno]; ok {
			return &Error{Code: known, About: about, Cause: err}
		}
	}
	return &Error{Code: "SYSTEM", About: about, Cause: err}
}
