package cluster

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TargetPort is the container's port. Named target ports are not resolved.
func TargetPort(p corev1.ServicePort) int32 {
	if p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal != 0 {
		return p.TargetPort.IntVal
	}
	return p.Port
}

// Protocol is what the application speaks on a port: grpc, http or tcp. Like Istio, it goes by appProtocol, else by the
// port's name up to the first "-".
func Protocol(p corev1.ServicePort) string {
	name, _, _ := strings.Cut(p.Name, "-")
	if p.AppProtocol != nil {
		name = *p.AppProtocol
	}
	switch {
	case strings.Contains(name, "grpc"), name == "http2", strings.Contains(name, "h2c"):
		return "grpc"
	case name == "http":
		return "http"
	}
	return "tcp"
}

// Find gives the Service and port behind "name:port" or "name.namespace:port", or nil.
func (c *Cluster) Find(target string) (*corev1.Service, *corev1.ServicePort) {
	host, port, _ := strings.Cut(target, ":")
	name, rest, _ := strings.Cut(host, ".")
	ns, _, _ := strings.Cut(rest, ".")
	if ns == "" {
		ns = c.Namespace
	}
	for _, s := range c.Services {
		if s.Name != name || s.Namespace != ns {
			continue
		}
		for i := range s.Spec.Ports {
			if fmt.Sprint(s.Spec.Ports[i].Port) == port {
				return s, &s.Spec.Ports[i]
			}
		}
	}
	return nil, nil
}

// Hosts is the /etc/hosts of a namespace's pods; it stands for the cluster's DNS.
func (c *Cluster) Hosts(namespace string) string {
	var b bytes.Buffer
	fmt.Fprintln(&b, "127.0.0.1 localhost")
	for _, s := range c.Services {
		n, ns := s.Name, s.Namespace
		fmt.Fprintf(&b, "%s", s.Spec.ClusterIP)
		if ns == namespace {
			fmt.Fprintf(&b, " %s", n)
		}
		fmt.Fprintf(&b, " %[1]s.%[2]s %[1]s.%[2]s.svc %[1]s.%[2]s.svc.cluster.local\n", n, ns)
	}
	return b.String()
}
