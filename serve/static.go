package serve

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"striate/api"
)

// static serves the specification and the page that shows it, both out of the binary.
func (s *Server) static(e reading) {
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", api.Spec) })
	docs := v5emb.NewHandlerWithConfig(swgui.Config{Title: "striate API", SwaggerJSON: "/openapi.yaml", BasePath: "/docs/"})
	e.GET("/docs", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/docs/") })
	e.GET("/docs/*", echo.WrapHandler(docs))
	e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs/") })
}
