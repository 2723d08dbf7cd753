package server

import (
	"fmt"

	"github.com/labstack/echo/v4"

	gen "numhook/gen/receiver"
)

// The compiler says here which event of the document has no method yet.
var _ gen.StrictServerInterface = (*Server)(nil)

// register gives every operation of the generated code its route, and makes sure that each event of the contract has one.
func register(e *echo.Echo, s *Server) error {
	gen.RegisterHandlers(e, gen.NewStrictHandler(s, nil))
	routed := make(map[string]bool)
	for _, route := range e.Routes() {
		routed[route.Path] = true
	}
	for _, name := range s.contract.Events() {
		if !routed["/"+name] {
			return fmt.Errorf("cannot serve event %s: the generated code has no route for it; run make generate", name)
		}
	}
	return nil
}
