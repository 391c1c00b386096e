package admission

import (
	"context"
	"fmt"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/equality"
	names "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"meshc/tests/conformance/internal/document"
)

// finding is a reason without its place.
type finding struct{ path, message string }

// admit repeats what happens to a custom resource between its arrival and its storage, in the same order: strict
// decoding against the schema, defaults, metadata, schema, list types, CEL. The API server's own type for this
// (registry/customresource) would bring its storage layer along, and twice as many packages.
func (d *definition) admit(doc document.Document) []finding {
	object := runtime.DeepCopyJSON(doc.Object)
	found := decodeStrictly(object, d.structural)

	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return append(found, finding{"metadata", err.Error()})
	}
	found = append(found, unknownFields(unknown)...)
	if meta == nil {
		return append(found, finding{"metadata", "Required value"})
	}
	found = append(found, notStored(object, d.structural)...)

	errs := names.ValidateObjectMeta(meta, d.namespaced, names.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, validation.ValidateCustomResource(nil, object, d.validator)...)
	errs = append(errs, objectmeta.Validate(context.Background(), nil, object, d.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if blocking := blocks(errs); !blocking && d.rules != nil {
		// A rule's expression assumes the types of the schema, so the API server skips rules after these errors too.
		broken, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	return append(found, fromField(errs)...)
}

// decodeStrictly removes what the schema does not know from the object and reports it, as `fieldValidation=Strict`
// does. Without strictness the API server drops an unknown field in silence, which is how a misspelt guard vanishes.
func decodeStrictly(object map[string]any, tree *structural.Structural) []finding {
	unknown := pruning.PruneWithOptions(object, tree, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	return unknownFields(unknown)
}

func unknownFields(paths []string) []finding {
	var found []finding
	for _, path := range paths {
		found = append(found, finding{path, "unknown field"})
	}
	return found
}

// notStored reports what the API server would keep in another form than it is written in: a diff between the
// repository and the cluster that no one made.
func notStored(object map[string]any, tree *structural.Structural) []finding {
	var found []finding
	if _, has := object["status"]; has {
		found = append(found, finding{"status", "belongs to the controller: it is dropped when the object is created"})
	}
	written := runtime.DeepCopyJSON(object)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, tree)
	defaulting.Default(object, tree)
	if _, has := written["status"]; !has {
		delete(object, "status") // a default of what nobody writes is no difference
	}
	if !equality.Semantic.DeepEqual(written, object) {
		found = append(found, finding{"", "is stored in another form: a null is dropped or a default is added"})
	}
	return found
}

func blocks(errs field.ErrorList) bool {
	for _, err := range errs {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
	}
	return false
}

func fromField(errs field.ErrorList) []finding {
	var found []finding
	for _, err := range errs {
		path := err.Field
		if path == "<nil>" { // a rule at the root
			path = ""
		}
		found = append(found, finding{path, shortened(err.ErrorBody())})
	}
	return found
}

// shortened keeps a message readable when it quotes a whole object.
func shortened(message string) string {
	const most = 400
	if len(message) <= most {
		return message
	}
	return fmt.Sprintf("%s … %s", message[:most/2], message[len(message)-most/2:])
}
