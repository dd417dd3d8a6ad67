package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"striate/api"
	"striate/internal/fault"
)

// statusClientGone is what nginx logs for a client that left; nobody reads the answer.
const statusClientGone = 499

var statuses = map[fault.Code]int{
	fault.Misuse:      http.StatusBadRequest,
	fault.Invalid:     http.StatusBadRequest,
	fault.NotFound:    http.StatusNotFound,
	fault.TooLarge:    http.StatusRequestEntityTooLarge,
	fault.Unsupported: http.StatusUnprocessableEntity,
	fault.Unavailable: http.StatusServiceUnavailable,
	fault.Conflict:    http.StatusConflict,
}

// problem answers an error as application/problem+json (RFC 9457). What is our own mistake is logged
// and not shown.
func (s *Server) problem(err error, c echo.Context) {
	status, code, detail := describe(err)
	id := c.Response().Header().Get(echo.HeaderXRequestID)
	if status >= http.StatusInternalServerError {
		s.log.Error("request failed", "error", err.Error(), "request_id", id, "path", c.Request().URL.Path)
	}
	if c.Response().Committed { // the answer has begun: break it off, so that it is not taken for whole
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{echo.HeaderContentLength, headerDevice, headerDigest} {
		c.Response().Header().Del(name)
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return
	}
	json.NewEncoder(c.Response()).Encode(api.Problem{ //nolint:errcheck // the client is gone then
		Type: "urn:striate:problem:" + code, Title: title(status), Status: status, Detail: detail,
		Instance: c.Request().URL.Path, RequestId: id,
	})
}

// describe maps an error to a status, a name and the line for the user.
func describe(err error) (status int, code, detail string) {
	var tooLong *http.MaxBytesError
	var web *echo.HTTPError
	var coded *fault.Error
	switch {
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge, string(fault.TooLarge), fmt.Sprintf("the request's body is over the limit of %d bytes: send fewer or smaller images at once", tooLong.Limit)
	case errors.Is(err, http.ErrMissingBoundary), errors.Is(err, http.ErrNotMultipart):
		return http.StatusBadRequest, string(fault.Invalid), "the form cannot be read: its content type must name the boundary of its parts"
	case errors.Is(err, context.Canceled):
		return statusClientGone, "cancelled", "the request was cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "timeout", "the request took longer than it may"
	case errors.As(err, &coded):
		if status, ok := statuses[coded.Code]; ok {
			return status, string(coded.Code), err.Error()
		}
	case errors.Is(err, echo.ErrNotFound):
		return http.StatusNotFound, string(fault.NotFound), "there is no such route: /docs lists them"
	case errors.Is(err, echo.ErrMethodNotAllowed):
		return http.StatusMethodNotAllowed, webCode(http.StatusMethodNotAllowed), "the route does not take this method: the header Allow lists those that it takes"
	case errors.As(err, &web):
		return web.Code, webCode(web.Code), fmt.Sprint(web.Message)
	}
	return http.StatusInternalServerError, string(fault.Internal), "an error inside the server; its log has more under the request's id"
}

func webCode(status int) string {
	switch status {
	case http.StatusNotFound:
		return string(fault.NotFound)
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusNotAcceptable:
		return "not_acceptable"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusRequestEntityTooLarge:
		return string(fault.TooLarge)
	case http.StatusServiceUnavailable:
		return string(fault.Unavailable)
	}
	if status < http.StatusInternalServerError {
		return string(fault.Invalid)
	}
	return string(fault.Internal)
}

func title(status int) string {
	if status == statusClientGone {
		return "Client Closed Request"
	}
	return http.StatusText(status)
}
