package analysis

import (
	"testing"

	"sigs.k8s.io/yaml"
)

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func pod(t *testing.T, text string) (labels map[string]any, containers []string, found bool) {
	t.Helper()
	made := Pod(object(t, text))
	if made == nil {
		return nil, nil, false
	}
	meta := made["metadata"].(map[string]any)
	if meta["name"] != "api" || meta["namespace"] != "shop" {
		t.Errorf("got %v", meta)
	}
	labels, _ = meta["labels"].(map[string]any)
	list, _ := made["spec"].(map[string]any)["containers"].([]any)
	for _, container := range list {
		containers = append(containers, container.(map[string]any)["name"].(string))
	}
	return labels, containers, true
}

const deployment = `
kind: Deployment
metadata: {name: api, namespace: shop, labels: {app: not-this-one}}
spec:
  template:
    metadata: {labels: {app: api, version: v1}}
    spec: {containers: [{name: server}]}
`

func TestPodHasTheLabelsOfTheTemplate(t *testing.T) {
	labels, containers, _ := pod(t, deployment)
	if len(labels) != 2 || labels["app"] != "api" || labels["version"] != "v1" {
		t.Errorf("labels %v", labels)
	}
	if len(containers) != 2 || containers[1] != "istio-proxy" {
		t.Errorf("containers %v", containers)
	}
}

func TestPodLeavesTheWorkloadAsItWas(t *testing.T) {
	workload := object(t, deployment)
	Pod(workload)
	Pod(workload)
	template := workload["spec"].(map[string]any)["template"].(map[string]any)
	if containers := template["spec"].(map[string]any)["containers"].([]any); len(containers) != 1 {
		t.Errorf("containers %v", containers)
	}
}

func TestWhoGetsAPodAndAProxy(t *testing.T) {
	for name, test := range map[string]struct {
		workload   string
		containers int // 0: no pod
	}{
		"stateful set":  {`{kind: StatefulSet, metadata: {name: api, namespace: shop}, spec: {template: {spec: {containers: [{name: a}]}}}}`, 2},
		"daemon set":    {`{kind: DaemonSet, metadata: {name: api, namespace: shop}, spec: {template: {spec: {containers: [{name: a}]}}}}`, 2},
		"label says no": {`{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {metadata: {labels: {sidecar.istio.io/inject: "false"}}, spec: {containers: [{name: a}]}}}}`, 1},
		"annotation no": {`{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {metadata: {annotations: {sidecar.istio.io/inject: "false"}}, spec: {containers: [{name: a}]}}}}`, 1},
		"label wins":    {`{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {metadata: {labels: {sidecar.istio.io/inject: "true"}, annotations: {sidecar.istio.io/inject: "false"}}, spec: {containers: [{name: a}]}}}}`, 2},
		"host network":  {`{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {spec: {hostNetwork: true, containers: [{name: a}]}}}}`, 1},
		"a gateway":     {`{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {spec: {containers: [{name: istio-proxy}]}}}}`, 1},
		"job":           {`{kind: Job, metadata: {name: api, namespace: shop}, spec: {template: {spec: {containers: [{name: a}]}}}}`, 0},
		"service":       {`{kind: Service, metadata: {name: api, namespace: shop}}`, 0},
	} {
		_, containers, _ := pod(t, test.workload)
		if len(containers) != test.containers {
			t.Errorf("%s: %v", name, containers)
		}
	}
}

func TestNoPodForNoReplicas(t *testing.T) {
	workload := object(t, deployment)
	workload["spec"].(map[string]any)["replicas"] = int64(0)
	if Pod(workload) != nil {
		t.Error("a subset of a workload that is scaled to nothing selects nothing, and must be reported")
	}
}
