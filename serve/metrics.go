package serve

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// knownMethods are counted by name; anybody may send others, and each would stay in memory.
var knownMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// metrics serves /metrics and returns the middleware that counts. Labels are routes, not paths, so
// that their number stays what it is.
func (s *Server) metrics(e *echo.Echo) (echo.MiddlewareFunc, error) {
	labels := []string{"method", "route", "status"}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "striate_http_requests_total", Help: "Requests answered."}, labels)
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "striate_http_request_duration_seconds",
		Help: "Time from a request to the end of its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 13)}, []string{"method", "route"})
	s.images = prometheus.NewCounter(prometheus.CounterOpts{Name: "striate_images_total", Help: "Images put through networks."})
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		requests, durations, s.images, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("striate_sessions", "Sessions loaded.", func() float64 { return float64(s.engine.Stats().Sessions) }),
		gauge("striate_session_bytes", "Memory of the sessions, estimated.", func() float64 { return float64(s.engine.Stats().Bytes) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "striate_session_hits_total", Help: "Requests that found their session loaded."},
			func() float64 { return float64(s.engine.Stats().Hits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "striate_session_evictions_total", Help: "Sessions freed for memory."},
			func() float64 { return float64(s.engine.Stats().Evictions) }),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	reading{e}.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			begun := time.Now()
			if err := next(c); err != nil {
				c.Error(err)
			}
			method, route := c.Request().Method, c.Path()
			if route == "" {
				route = "none"
			}
			if !slices.Contains(knownMethods, method) {
				method = "other"
			}
			requests.WithLabelValues(method, route, strconv.Itoa(c.Response().Status)).Inc()
			durations.WithLabelValues(method, route).Observe(time.Since(begun).Seconds())
			return nil
		}
	}, nil
}
