package cluster

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const node = "node"

// Objects are the Kubernetes objects that istiod watches.
func (c *Cluster) Objects() (out []runtime.Object) {
	seen := map[string]bool{}
	namespace := func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"istio-injection": "enabled"}}})
		}
	}
	namespace("istio-system")
	namespace(c.Namespace)
	out = append(out, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}})
	for _, s := range c.Secrets {
		namespace(s.Namespace)
		out = append(out, s)
	}
	for _, p := range c.Pods {
		namespace(p.Namespace)
		out = append(out, p.object())
	}
	for _, s := range c.Services {
		namespace(s.Namespace)
		out = append(out, s, c.slice(s))
	}
	return out
}

func (p *Pod) object() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, Labels: p.Labels},
		Spec:       corev1.PodSpec{ServiceAccountName: p.ServiceAccount, NodeName: node, Containers: []corev1.Container{{Name: "server", Image: "server"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: p.IP, PodIPs: []corev1.PodIP{{IP: p.IP}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

func (c *Cluster) slice(s *corev1.Service) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name + "-1", Namespace: s.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: s.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for _, p := range s.Spec.Ports {
		name, target := p.Name, TargetPort(p)
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: &name, Port: &target})
	}
	ready, on := true, node
	for _, p := range c.Backends(s) {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{p.IP}, NodeName: &on,
			Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: p.Name, Namespace: p.Namespace},
		})
	}
	return slice
}
