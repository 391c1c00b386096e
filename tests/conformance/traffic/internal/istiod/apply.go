package istiod

import (
	"fmt"
	"strings"
	"time"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
)

// Replace makes the objects of this YAML the only ones: it validates each as Istio's webhook does, creates or updates
// it, and deletes what is no longer there, as a sync engine that prunes. Nothing is changed when one is refused.
// Kinds that are not Istio's are skipped: istiod has those from the cluster.
func (s *Server) Replace(text string) error {
	configs, err := parse(text)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, c := range configs {
		schema, _ := collections.PilotGatewayAPI().FindByGroupVersionKind(c.GroupVersionKind)
		if _, err := schema.ValidateConfig(c); err != nil {
			return fmt.Errorf("%s: %w", key(c), err)
		}
		kept[key(c)] = true
	}
	for _, c := range configs {
		if err := s.put(c); err != nil {
			return fmt.Errorf("%s: %w", key(c), err)
		}
	}
	for _, schema := range collections.Pilot.All() {
		for _, c := range s.fake.Store().List(schema.GroupVersionKind(), "") {
			if !kept[key(c)] {
				if err := s.fake.Store().Delete(c.GroupVersionKind, c.Name, c.Namespace, nil); err != nil {
					return fmt.Errorf("%s: %w", key(c), err)
				}
			}
		}
	}
	return nil
}

func key(c config.Config) string {
	return fmt.Sprintf("%s %s/%s", c.GroupVersionKind.Kind, c.Namespace, c.Name)
}

func (s *Server) put(c config.Config) error {
	s.clock = s.clock.Add(time.Second)
	if old := s.fake.Store().Get(c.GroupVersionKind, c.Name, c.Namespace); old != nil {
		c.CreationTimestamp, c.ResourceVersion = old.CreationTimestamp, old.ResourceVersion
		_, err := s.fake.Store().Update(c)
		return err
	}
	c.CreationTimestamp = s.clock
	_, err := s.fake.Store().Create(c)
	return err
}

func parse(text string) ([]config.Config, error) {
	configs, _, err := crd.ParseInputs(text)
	if err != nil {
		return nil, err
	}
	for i := range configs {
		c := &configs[i]
		if group := c.GroupVersionKind.Group; !strings.HasSuffix(group, "istio.io") {
			return nil, fmt.Errorf("%s %s: the lab cannot apply %s", c.GroupVersionKind.Kind, c.Name, group)
		}
		if c.Namespace == "" {
			return nil, fmt.Errorf("%s %s: no namespace", c.GroupVersionKind.Kind, c.Name)
		}
		c.Domain = "cluster.local" // for short host names
	}
	return configs, nil
}
