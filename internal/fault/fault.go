// Package fault is the one error type that reaches a user: a code that says whose mistake it is,
// and one line that says what was wrong and how to mend it. The codes are mapped once to exit
// statuses (cmd/striate) and once to HTTP statuses (serve).
package fault

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an error is.
type Code string

// The codes. An error without one counts as Internal.
const (
	Misuse      Code = "misuse"      // flags that contradict each other or lack one another (exit status 2)
	Invalid     Code = "invalid"     // the request or file is wrong; repeating it will not help
	NotFound    Code = "not_found"   // a model, layer, unit or file that does not exist
	TooLarge    Code = "too_large"   // over a stated limit
	Unsupported Code = "unsupported" // well-formed, but of a kind that is not handled
	Unavailable Code = "unavailable" // something the machine lacks now: a library, a device, memory
	Conflict    Code = "conflict"    // contradicts what is already there
	Internal    Code = "internal"    // our own mistake
)

// Error is a failure with a code. Its text is the line the user reads.
type Error struct {
	Code Code
	Err  error // what is said; may wrap a cause
}

// Error returns the line for the user.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error, so that errors.Is and errors.As see the cause.
func (e *Error) Unwrap() error { return e.Err }

// Misusef returns a Misuse error.
func Misusef(format string, args ...any) error { return wrap(Misuse, format, args) }

// Invalidf returns an Invalid error.
func Invalidf(format string, args ...any) error { return wrap(Invalid, format, args) }

// NotFoundf returns a NotFound error.
func NotFoundf(format string, args ...any) error { return wrap(NotFound, format, args) }

// TooLargef returns a TooLarge error.
func TooLargef(format string, args ...any) error { return wrap(TooLarge, format, args) }

// Unsupportedf returns an Unsupported error.
func Unsupportedf(format string, args ...any) error { return wrap(Unsupported, format, args) }

// Unavailablef returns an Unavailable error.
func Unavailablef(format string, args ...any) error { return wrap(Unavailable, format, args) }

// Conflictf returns a Conflict error.
func Conflictf(format string, args ...any) error { return wrap(Conflict, format, args) }

func wrap(code Code, format string, args []any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// CodeOf returns the code of the outermost Error in the chain of err, Internal if there is none.
func CodeOf(err error) Code {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
