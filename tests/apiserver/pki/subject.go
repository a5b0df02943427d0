// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/asn1"
	"unicode/utf16"
)

// Subjects are encoded by hand: the library sorts and merges attributes, and
// what is tested here is the order, the repetition and the string type.

var (
	oidCN  = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO   = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}
)

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute

func attr(oid asn1.ObjectIdentifier, tag int, value []byte) attribute {
	return attribute{oid, asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: value}}
}

func one(oid asn1.ObjectIdentifier, value string) attributeSET {
	return attributeSET{attr(oid, asn1.TagUTF8String, []byte(value))}
}

func cn(name string) attributeSET   { return one(oidCN, name) }
func org(name string) attributeSET  { return one(oidO, name) }
func uid(value string) attributeSET { return one(oidUID, value) }

// together puts several attributes into one relative distinguished name.
func together(sets ...attributeSET) attributeSET {
	var all attributeSET
	for _, s := range sets {
		all = append(all, s...)
	}
	return all
}

func typed(oid asn1.ObjectIdentifier, tag int, value []byte) attributeSET {
	return attributeSET{attr(oid, tag, value)}
}

func bmp(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

func subject(sets ...attributeSET) []byte {
	return must(asn1.Marshal(sets))
}
