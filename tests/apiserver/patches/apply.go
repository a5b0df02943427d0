// SPDX-License-Identifier: Apache-2.0

package patches

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"
)

const (
	bodyMax       = 3 * 1024 * 1024
	operationsMax = 10000
	// A strategic patch visits its members in random order: as many tries
	// show whether that matters.
	tries = 12
)

// answer is what became of a patch: the object, or the status and text of the
// error. Status 0 stands for a panic.
type answer struct {
	Status int             `json:"status"`
	Text   string          `json:"text,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

func refused(status int, err error) answer {
	return answer{Status: status, Text: err.Error()}
}

func done(result []byte) answer {
	if !bytes.HasPrefix(bytes.TrimSpace(result), []byte("{")) {
		return answer{Status: 422}
	}
	return answer{Status: 200, Result: result}
}

// jsonPatchOp has the name and the fields of the type that kube-apiserver
// decodes operations into first.
type jsonPatchOp struct {
	Op    string      `json:"op"`
	Path  string      `json:"path"`
	From  string      `json:"from"`
	Value interface{} `json:"value"`
}

func decodingError(err error) answer {
	text := strings.ReplaceAll(err.Error(), "patches.jsonPatchOp", "handlers.jsonPatchOp")
	return answer{Status: 400, Text: "error decoding patch: " + text}
}

func applyJSON(document, patch []byte) answer {
	var operations []jsonPatchOp
	if _, err := kjson.UnmarshalStrict(patch, &operations); err != nil {
		return decodingError(err)
	}
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return refused(400, err)
	}
	if len(decoded) > operationsMax {
		return answer{Status: 413}
	}
	result, err := decoded.Apply(document)
	if err != nil {
		return answer{Status: 422}
	}
	return done(result)
}

func applyMerge(document, patch []byte) answer {
	v := map[string]interface{}{}
	if _, err := kjson.UnmarshalStrict(patch, &v); err != nil {
		return decodingError(err)
	}
	result, err := jsonpatch.MergePatch(document, patch)
	if err == jsonpatch.ErrBadJSONPatch {
		return refused(400, err)
	}
	if err != nil {
		return refused(500, err)
	}
	return done(result)
}

func strategicError(err error) answer {
	switch err {
	case mergepatch.ErrBadJSONDoc, mergepatch.ErrBadPatchFormatForPrimitiveList,
		mergepatch.ErrBadPatchFormatForRetainKeys,
		mergepatch.ErrBadPatchFormatForSetElementOrderList:
		return refused(400, err)
	case mergepatch.ErrNoListOfLists, mergepatch.ErrPatchContentNotMatchRetainKeys:
		return answer{Status: 422}
	}
	return refused(500, err)
}

func applyStrategic(object runtime.Object, patch []byte) answer {
	original, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return refused(500, err)
	}
	decoded := map[string]interface{}{}
	if _, err = kjson.UnmarshalStrict(patch, &decoded); err != nil {
		return refused(400, err)
	}
	result, err := strategicpatch.StrategicMergeMapPatch(original, decoded, object)
	if err != nil {
		return strategicError(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		return refused(500, err)
	}
	return done(text)
}

// withoutPanic is what apply answers, or status 0.
func withoutPanic(apply func() answer) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{}
		}
	}()
	return apply()
}

// distinct runs apply several times and keeps the answers that differ.
func distinct(times int, apply func() answer) []answer {
	var answers []answer
	for range times {
		next, known := withoutPanic(apply), false
		for _, a := range answers {
			known = known || reflect.DeepEqual(a, next)
		}
		if !known {
			answers = append(answers, next)
		}
	}
	return answers
}

// line is one comparison, as tests/patch_lines.c reads it. More than one answer:
// what the patch does is not defined.
type line struct {
	Type     string          `json:"type"`
	Message  string          `json:"message"`
	Document json.RawMessage `json:"document"`
	Patch    string          `json:"patch"`
	Answers  []answer        `json:"answers"`
}

func compute(kind string, object runtime.Object, patch []byte) (line, error) {
	document, err := json.Marshal(object)
	if err != nil {
		return line{}, err
	}
	l := line{Type: kind, Message: messageName(reflect.TypeOf(object).Elem()),
		Document: document, Patch: string(patch)}
	switch kind {
	case "json":
		l.Answers = distinct(1, func() answer { return applyJSON(document, patch) })
	case "merge":
		l.Answers = distinct(1, func() answer { return applyMerge(document, patch) })
	case "strategic":
		l.Answers = distinct(tries, func() answer { return applyStrategic(object, patch) })
	default:
		return l, fmt.Errorf("no such patch: %s", kind)
	}
	return l, nil
}
