package cluster

import (
	"fmt"
	"maps"
)

// Workload is one entry of a run's cast: a Deployment of the manifests, a copy of one, or something new.
type Workload struct {
	Name           string            `json:"name"`           // "*" stands for every Deployment that is not named itself
	From           string            `json:"from"`           // Deployment to copy; default: Name
	Labels         map[string]string `json:"labels"`         // added to the pod's labels
	ServiceAccount string            `json:"serviceAccount"` // default: the Deployment's, else Name
	Namespace      string            `json:"namespace"`      // default: the Deployment's, else the cluster's
	Replicas       int               `json:"replicas"`       // default 1
	Mesh           *bool             `json:"mesh"`           // false: no sidecar
	Gateway        bool              `json:"gateway"`        // an Envoy alone, as an ingress gateway
	Silent         bool              `json:"silent"`         // whatever arrives is dropped, as by a lost node
	Listen         []string          `json:"listen"`         // further ports of the application, as protocol:port
}

// Pod is one pod: where it is in the network, who it is, and what its application listens on.
type Pod struct {
	Workload       Workload
	Name           string
	Namespace      string
	ServiceAccount string
	Labels         map[string]string
	IP             string
	NetNS          string   // name of its network namespace
	Meshed         bool     // has an Envoy
	Listens        []string // protocol:port of the application
	Dir            string   // its files: logs, configuration
	trustDomain    string
}

// SpiffeID is the identity that the mesh's CA gives to the pod.
func (p *Pod) SpiffeID() string {
	return fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", p.trustDomain, p.Namespace, p.ServiceAccount)
}

// Cast turns workloads into pods. Without any, every Deployment gets one pod.
func (c *Cluster) Cast(list []Workload) error {
	if len(list) == 0 {
		list = []Workload{{Name: "*"}}
	}
	for _, wl := range c.expand(list) {
		if err := c.castOne(wl); err != nil {
			return err
		}
	}
	for _, p := range c.Pods {
		p.Listens = append(p.Listens, p.Workload.Listen...)
		seen := map[int32]bool{}
		for _, s := range c.selecting(p) {
			for _, port := range s.Spec.Ports {
				if t := TargetPort(port); !seen[t] && !p.Workload.Gateway {
					seen[t] = true
					p.Listens = append(p.Listens, fmt.Sprintf("%s:%d", Protocol(port), t))
				}
			}
		}
	}
	return nil
}

func (c *Cluster) expand(list []Workload) (out []Workload) {
	named := map[string]bool{}
	for _, wl := range list {
		named[wl.Name] = true
	}
	for _, wl := range list {
		if wl.Name != "*" {
			out = append(out, wl)
			continue
		}
		for _, d := range c.deployments {
			if !named[d.Name] {
				out = append(out, Workload{Name: d.Name})
			}
		}
	}
	return out
}

func (c *Cluster) castOne(wl Workload) error {
	from := wl.From
	if from == "" {
		from = wl.Name
	}
	p := Pod{
		Workload: wl, Namespace: wl.Namespace, ServiceAccount: wl.ServiceAccount,
		Meshed: wl.Mesh == nil || *wl.Mesh, Labels: map[string]string{}, trustDomain: c.TrustDomain,
	}
	found := false
	for _, d := range c.deployments {
		if d.Name != from || (wl.Namespace != "" && wl.From == "" && d.Namespace != wl.Namespace) {
			continue
		}
		found = true
		maps.Copy(p.Labels, d.Spec.Template.Labels)
		if p.ServiceAccount == "" {
			p.ServiceAccount = d.Spec.Template.Spec.ServiceAccountName
		}
		if p.ServiceAccount == "" {
			p.ServiceAccount = "default"
		}
		if p.Namespace == "" {
			p.Namespace = d.Namespace
		}
		break
	}
	if !found && wl.From != "" {
		return fmt.Errorf("pod %s: no Deployment %s in the manifests", wl.Name, wl.From)
	}
	if !found {
		p.Labels["app"] = wl.Name
	}
	if p.ServiceAccount == "" {
		p.ServiceAccount = wl.Name
	}
	if p.Namespace == "" {
		p.Namespace = c.Namespace
	}
	maps.Copy(p.Labels, wl.Labels)
	if p.Meshed {
		p.Labels["security.istio.io/tlsMode"] = "istio" // the injector's mark
	}
	for i := 0; i < max(wl.Replicas, 1); i++ {
		q := p
		q.Labels = maps.Clone(p.Labels)
		n := len(c.Pods) + 1
		q.Name = fmt.Sprintf("%s-%d", wl.Name, i)
		q.IP = fmt.Sprintf("10.99.1.%d", n)
		q.NetNS = fmt.Sprintf("meshc-pod%d", n)
		c.Pods = append(c.Pods, &q)
	}
	return nil
}
