// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	wire "k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	registration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Protobuf answers are decoded by the Go libraries that clients use, so that
// ids, versions and times in them can be left out as in JSON.

var (
	types    = newTypes()
	codecs   = serializer.NewCodecFactory(types)
	envelope = wire.NewSerializer(types, types)
)

func newTypes() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme,
		apiextensions.AddToScheme, registration.AddToScheme, metav1.AddMetaToScheme} {
		if err := add(s); err != nil {
			fatal("%v", err)
		}
	}
	return s
}

// tree is a document of JSON's types, numbers kept as they were written.
func tree(encoded []byte) (value any, err error) {
	decode := json.NewDecoder(bytes.NewReader(encoded))
	decode.UseNumber()
	err = decode.Decode(&value)
	return value, err
}

// decoded is the normalised content of a protobuf object with its kind; what
// the libraries cannot read stands as it came.
func decoded(body []byte) string {
	object, kind, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return fmt.Sprintf("undecodable: %v: %q", err, body)
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		return fmt.Sprintf("unprintable: %v: %q", err, body)
	}
	value, err := tree(encoded)
	if err != nil {
		return fmt.Sprintf("unreadable: %v: %q", err, encoded)
	}
	encoded, _ = json.Marshal(normalise(value, ""))
	return kind.String() + " " + string(encoded)
}

// inProtobuf encodes a document as the Go clients do.
func inProtobuf(document map[string]any) ([]byte, error) {
	encoded, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	kind := schema.FromAPIVersionAndKind(fmt.Sprint(document["apiVersion"]),
		fmt.Sprint(document["kind"]))
	object, err := types.New(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(encoded, object); err != nil {
		return nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(kind)
	return runtime.Encode(envelope, object)
}

// An event is one frame of a watch.
type event struct {
	kind string
	// object is normalised and printed, with the type in front in protobuf.
	object string
	// last says that the object is the marker behind which nothing is read.
	last bool
}

// nextEvent reads one frame of a watch in the given media type.
func nextEvent(r *bufio.Reader, mediaType string) (e event, err error) {
	if strings.HasPrefix(mediaType, protobufType) {
		return nextFrame(r)
	}
	line, err := r.ReadBytes('\n')
	if err != nil {
		return e, err
	}
	value, err := tree(line)
	if err != nil {
		return e, fmt.Errorf("%w in %q", err, line)
	}
	frame, _ := value.(map[string]any)
	e.kind = fmt.Sprint(frame["type"])
	object, _ := json.Marshal(normalise(frame["object"], ""))
	e.object, e.last = string(object), bytes.Contains(line, []byte(lastMark))
	return e, nil
}

func nextFrame(r *bufio.Reader) (e event, err error) {
	var length uint32
	if err := binary.Read(r, binary.BigEndian, &length); err != nil {
		return e, err
	}
	if length > bodyLimit {
		return e, fmt.Errorf("a frame of %d bytes", length)
	}
	frame := make([]byte, length)
	if _, err := io.ReadFull(r, frame); err != nil {
		return e, err
	}
	var raw metav1.WatchEvent
	if err := raw.Unmarshal(frame); err != nil {
		return e, err
	}
	e.kind, e.object = raw.Type, decoded(raw.Object.Raw)
	e.last = bytes.Contains(raw.Object.Raw, []byte(lastMark))
	return e, nil
}
