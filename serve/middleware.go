package serve

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	validator "github.com/oapi-codegen/echo-middleware"

	"striate/api"
)

const (
	headerDevice = "X-Striate-Device"
	headerDigest = "X-Striate-Model-Digest"

	longestRequestID = 128
)

// middleware lays what surrounds every handler, outermost first.
func (s *Server) middleware(e *echo.Echo) error {
	validate, err := validation()
	if err != nil {
		return err
	}
	record, err := s.metrics(e)
	if err != nil {
		return err
	}
	e.Use(
		requestID(),
		s.accessLog,
		record,
		middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			s.log.Error("panic", "error", err.Error(), "stack", string(stack), "request_id", c.Response().Header().Get(echo.HeaderXRequestID))
			return err
		}}),
		middleware.SecureWithConfig(middleware.SecureConfig{ContentTypeNosniff: "nosniff", XFrameOptions: "SAMEORIGIN", ReferrerPolicy: "no-referrer"}),
		s.bodyLimit,
		validate,
	)
	return nil
}

// requestID gives every request an id: the client's, when it is short and plain, else a new one.
func requestID() echo.MiddlewareFunc {
	give := middleware.RequestID()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		handler := give(next)
		return func(c echo.Context) error {
			id := c.Request().Header.Get(echo.HeaderXRequestID)
			if len(id) > longestRequestID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
				c.Request().Header.Del(echo.HeaderXRequestID)
			}
			return handler(c)
		}
	}
}

// accessLog writes a line a request.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begun := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request",
			slog.String("method", c.Request().Method), slog.String("path", c.Request().URL.Path),
			slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size),
			slog.Duration("took", time.Since(begun)), slog.String("from", c.RealIP()),
			slog.String("request_id", c.Response().Header().Get(echo.HeaderXRequestID)))
		return nil
	}
}

// bodyLimit refuses a body that says it is too long, and cuts off one that does not say so.
func (s *Server) bodyLimit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength > s.limits.Body {
			return &http.MaxBytesError{Limit: s.limits.Body}
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, s.limits.Body)
		return next(c)
	}
}

// validation checks the requests of the API against its specification. Of bodies it checks the type,
// and the content of JSON alone: pictures and arrays are checked by those who read them.
func validation() (echo.MiddlewareFunc, error) {
	spec, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("read the API's specification: %w", err)
	}
	spec.Servers = nil // any host name will do
	check := func(skipBody bool) echo.MiddlewareFunc {
		return validator.OapiRequestValidatorWithOptions(spec, &validator.Options{
			Options:      openapi3filter.Options{ExcludeRequestBody: skipBody},
			ErrorHandler: func(_ echo.Context, err *echo.HTTPError) error { return err },
		})
	}
	head, whole, bodies := check(true), check(false), bodyTypes(spec)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		checkHead, checkWhole := head(next), whole(next)
		return func(c echo.Context) error {
			r := c.Request()
			wrongMethod := c.Get(echo.ContextKeyHeaderAllow) != nil // or OPTIONS, which echo answers as well
			if !strings.HasPrefix(r.URL.Path, "/api/") || c.Path() == "" || wrongMethod || r.Method == http.MethodHead {
				return next(c)
			}
			kind := plainType(r)
			if takes, ok := bodies[r.Method+" "+c.Path()]; ok && !slices.Contains(takes, kind) {
				return echo.NewHTTPError(http.StatusUnsupportedMediaType, fmt.Sprintf("a body of content type %q is not read here: send %s", kind, strings.Join(takes, " or ")))
			}
			if kind == typeJSON {
				return checkWhole(c)
			}
			return checkHead(c)
		}
	}, nil
}

// bodyTypes lists the content types of bodies by method and route.
func bodyTypes(spec *openapi3.T) map[string][]string {
	out := map[string][]string{}
	for path, item := range spec.Paths.Map() {
		route := strings.NewReplacer("{", ":", "}", "").Replace(path)
		for method, operation := range item.Operations() {
			if operation.RequestBody != nil {
				out[method+" "+route] = slices.Sorted(maps.Keys(operation.RequestBody.Value.Content))
			}
		}
	}
	return out
}

// plainType returns the content type of a body without parameters, and writes it as the
// specification does for those who read it further on.
func plainType(r *http.Request) string {
	kind, params, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil {
		return r.Header.Get(echo.HeaderContentType)
	}
	if kind == "image/jpg" { // never registered, often sent
		kind = "image/jpeg"
	}
	r.Header.Set(echo.HeaderContentType, mime.FormatMediaType(kind, params))
	return kind
}

// requestKey is where keepRequest puts the request for strict handlers, which see no headers.
type requestKey struct{}

// keepRequest hands the HTTP request on in the context of strict handlers.
func keepRequest(next api.StrictHandlerFunc, _ string) api.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		r := c.Request()
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), requestKey{}, r)))
		return next(c, request)
	}
}

func httpRequest(ctx context.Context) *http.Request {
	return ctx.Value(requestKey{}).(*http.Request)
}
