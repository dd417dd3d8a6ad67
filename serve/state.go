package serve

import (
	"context"

	"striate/api"
	"striate/internal/fault"
	"striate/internal/provenance"
)

// GetHealth answers /healthz: the process is alive.
func (s *Server) GetHealth(context.Context, api.GetHealthRequestObject) (api.GetHealthResponseObject, error) {
	return api.GetHealth200JSONResponse{Status: api.Alive, Version: provenance.Version()}, nil
}

// GetReadiness answers /readyz: what the server runs on; an error while it drains or when the
// models folder cannot be read.
func (s *Server) GetReadiness(context.Context, api.GetReadinessRequestObject) (api.GetReadinessResponseObject, error) {
	if s.draining.Load() {
		return nil, fault.Unavailablef("the server is shutting down")
	}
	models, broken, err := s.models.List()
	if err != nil {
		return nil, fault.Unavailablef("the models folder cannot be read: %v", err)
	}
	device, stats := s.engine.Device(), s.engine.Stats()
	return api.GetReadiness200JSONResponse{
		Status:  api.Ready,
		Device:  api.Device{Asked: device.Asked, Chosen: device.Chosen, Reason: device.Reason},
		Runtime: device.Runtime.String(), Models: len(models), Broken: len(broken),
		Sessions: stats.Sessions, SessionBytes: stats.Bytes,
	}, nil
}
