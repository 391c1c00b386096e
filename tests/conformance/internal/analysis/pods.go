package analysis

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Pod is the pod that a workload's controller and Istio's injector would make; nil when they would make none.
// The analyzer looks at pods only, never at the workloads that make them, so without this every subset and every
// selector of a rendering would be reported as selecting nothing.
func Pod(workload map[string]any) map[string]any {
	switch workload["kind"] {
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return nil
	}
	spec, _ := workload["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	if template == nil || spec["replicas"] == int64(0) {
		return nil
	}
	template = runtime.DeepCopyJSON(template)
	meta := child(template, "metadata")
	owner := child(workload, "metadata")
	meta["name"], _ = owner["name"].(string)
	meta["namespace"] = owner["namespace"]
	podSpec := child(template, "spec")
	if injected(meta, podSpec) {
		containers, _ := podSpec["containers"].([]any)
		podSpec["containers"] = append(containers, map[string]any{"name": "istio-proxy", "image": "proxyv2"})
	}
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   meta,
		"spec":       podSpec,
		"status":     map[string]any{"phase": "Running"},
	}
}

// injected is the injector's decision about a pod of a namespace with injection. A label wins over an annotation.
func injected(meta, spec map[string]any) bool {
	if spec["hostNetwork"] == true {
		return false
	}
	for _, place := range []string{"labels", "annotations"} {
		values, _ := meta[place].(map[string]any)
		if value, stated := values["sidecar.istio.io/inject"].(string); stated {
			return !strings.EqualFold(value, "false")
		}
	}
	containers, _ := spec["containers"].([]any)
	for _, container := range containers {
		if fields, _ := container.(map[string]any); fields["name"] == "istio-proxy" {
			return false // a gateway, which brings its own
		}
	}
	return true
}

// child is the object under a key, made when it is missing.
func child(object map[string]any, key string) map[string]any {
	found, _ := object[key].(map[string]any)
	if found == nil {
		found = map[string]any{}
		object[key] = found
	}
	return found
}
