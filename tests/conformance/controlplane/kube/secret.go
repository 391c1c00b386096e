package kube

import (
	"encoding/base64"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SecretText gives the value of a key of a Secret.
func SecretText(o *unstructured.Unstructured, key string) (string, error) {
	encoded, ok, _ := unstructured.NestedString(o.Object, "data", key)
	if !ok {
		return "", fmt.Errorf("%s has no key %s", Name(o), key)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	return string(text), err
}
