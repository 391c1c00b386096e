package istiod

import (
	"fmt"

	"istio.io/istio/pkg/config/schema/collections"
)

// Put creates or updates the objects of this YAML and leaves all others alone. Each is validated as Istio's webhook does.
// Kinds that are not Istio's are skipped, as Replace skips them.
func (s *Server) Put(text string) error {
	configs, err := parse(text)
	if err != nil {
		return err
	}
	for _, c := range configs {
		schema, _ := collections.PilotGatewayAPI().FindByGroupVersionKind(c.GroupVersionKind)
		if _, err := schema.ValidateConfig(c); err != nil {
			return fmt.Errorf("%s: %w", key(c), err)
		}
		if err := s.put(c); err != nil {
			return fmt.Errorf("%s: %w", key(c), err)
		}
	}
	return nil
}

// Remove deletes the objects of this YAML; one that is not there is an error.
func (s *Server) Remove(text string) error {
	configs, err := parse(text)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if err := s.fake.Store().Delete(c.GroupVersionKind, c.Name, c.Namespace, nil); err != nil {
			return fmt.Errorf("%s: %w", key(c), err)
		}
	}
	return nil
}
