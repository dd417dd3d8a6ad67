// Package serve is the HTTP server: routes, handlers and middleware around the engine. It holds no
// arithmetic. The routes are those of api/openapi.yaml.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"striate/api"
	"striate/internal/picture"
	"striate/serve/curves"
	"striate/serve/engine"
)

// Limits bound what one request may ask for. Zero values mean the defaults.
type Limits struct {
	Body     int64          // bytes of a request
	Images   int            // images of a request
	Elements int64          // values of an answer in npy or npz
	JSON     int64          // values of an answer in JSON
	Picture  picture.Limits // of each picture, checked before it is decoded
	Shown    int64          // images put through a network to answer one question about robustness
	Time     time.Duration  // that such a question may take
}

// The default limits.
const (
	DefaultBody     = 64 << 20
	DefaultImages   = 512
	DefaultElements = 1 << 29
	DefaultJSON     = 1 << 23
	DefaultShown    = 1 << 17
	DefaultTime     = 5 * time.Minute
)

func (l Limits) withDefaults() Limits {
	if l.Body == 0 {
		l.Body = DefaultBody
	}
	if l.Images == 0 {
		l.Images = DefaultImages
	}
	if l.Elements == 0 {
		l.Elements = DefaultElements
	}
	if l.JSON == 0 {
		l.JSON = DefaultJSON
	}
	if l.Shown == 0 {
		l.Shown = DefaultShown
	}
	if l.Time == 0 {
		l.Time = DefaultTime
	}
	return l
}

// Server answers the routes of the contract.
type Server struct {
	engine   *engine.Engine
	models   *engine.Folder
	scratch  string // folder of temporary files; "" is the system's
	frost    string // folder of the pictures that the corruption frost needs
	limits   Limits
	log      *slog.Logger
	echo     *echo.Echo
	images   prometheus.Counter
	curves   *curves.Service
	draining atomic.Bool
}

// Config is what a server is made of.
type Config struct {
	Engine  *engine.Engine
	Models  *engine.Folder
	Scratch string
	Frost   string
	Limits  Limits
	Log     *slog.Logger // nil is silent
}

// New returns a server. It owns neither engine nor folder.
func New(config Config) (*Server, error) {
	s := &Server{engine: config.Engine, models: config.Models, scratch: config.Scratch, frost: config.Frost, limits: config.Limits.withDefaults(), log: config.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.curves = curves.New(config.Engine)
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.problem
	e.IPExtractor = echo.ExtractIPDirect() // a forwarded address is anybody's claim
	s.echo = e
	if err := s.middleware(e); err != nil {
		return nil, fmt.Errorf("prepare routes: %w", err)
	}
	api.RegisterHandlers(reading{e}, api.NewStrictHandler(s, []api.StrictMiddlewareFunc{keepRequest}))
	s.static(reading{e})
	return s, nil
}

// reading registers HEAD with every GET; net/http leaves the body of the answer out.
type reading struct{ *echo.Echo }

// GET registers a handler for both methods.
func (r reading) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.HEAD(path, h, m...)
	return r.Echo.GET(path, h, m...)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// drainTime is how long requests may go on after the server was told to stop.
const drainTime = 30 * time.Second

// Serve answers on the listener until the context ends; then it takes no new requests, lets those
// under way end, for at most 30 s, and returns.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.log.Info("draining", "at_most", drainTime.String())
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := server.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		server.Close() //nolint:errcheck // the deadline is the error
		return fmt.Errorf("requests were still running %s after the stop and were cut off", drainTime)
	}
	return err
}
