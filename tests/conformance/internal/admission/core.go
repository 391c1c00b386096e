package admission

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	names "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"meshc/tests/conformance/internal/document"
)

// core decides kinds that every cluster has. Their validation beyond types and metadata is not a library, so this
// proves less than admit does for custom resources.
var core = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(appsv1.AddToScheme(scheme))
	utilruntime.Must(batchv1.AddToScheme(scheme))
	return scheme
}()

var coreDecoder = json.NewSerializerWithOptions(json.DefaultMetaFactory, core, core, json.SerializerOptions{Strict: true})

// withoutNamespace are the core kinds that belong to the cluster.
var withoutNamespace = map[string]bool{"Namespace": true, "Node": true, "PersistentVolume": true}

// isCore is false for lists: in a rendering each object stands for itself, and what a list holds is checked by nobody.
func isCore(kind schema.GroupVersionKind) bool {
	return core.Recognizes(kind) && !strings.HasSuffix(kind.Kind, "List")
}

func admitCore(doc document.Document) []finding {
	object, _, err := coreDecoder.Decode(doc.JSON, nil, nil)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		var found []finding
		for _, err := range strict.Errors() {
			found = append(found, finding{"", err.Error()})
		}
		return found
	}
	if err != nil {
		return []finding{{"", err.Error()}}
	}
	metadata, err := meta.Accessor(object)
	if err != nil {
		return []finding{{"metadata", err.Error()}}
	}
	named := names.NameIsDNSSubdomain
	if doc.Kind() == "Namespace" || doc.Kind() == "Service" {
		named = names.NameIsDNSLabel
	}
	return fromField(names.ValidateObjectMetaAccessor(metadata, !withoutNamespace[doc.Kind()], named, field.NewPath("metadata")))
}
