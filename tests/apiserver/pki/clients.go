// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"
)

// subjects are the client certificates that differ from one another only in
// whom they name; all are signed by the client authority and valid.
func subjects() map[string][]byte {
	s := map[string][]byte{
		"admin":        subject(org("system:masters"), cn("admin")),
		"jane":         subject(org("devs"), cn("jane")),
		"carol":        subject(cn("carol")),
		"multi":        subject(org("devs"), org("ops"), org("devs"), cn("multi")),
		"cn-twice":     subject(cn("first"), org("devs"), cn("carol")),
		"cn-multi-rdn": subject(together(cn("jane"), org("devs"))),
		"cn-printable": subject(typed(oidO, asn1.TagPrintableString, []byte("devs")), typed(oidCN,
			asn1.TagPrintableString, []byte("jane"))),
		"cn-ia5":        subject(typed(oidCN, asn1.TagIA5String, []byte("jane@example.com"))),
		"cn-t61":        subject(typed(oidCN, asn1.TagT61String, []byte("jos\xe9"))),
		"cn-bmp":        subject(typed(oidCN, asn1.TagBMPString, bmp("jos\u00e9"))),
		"cn-unicode":    subject(org("entwickler-\u00fc"), cn("jos\u00e9")),
		"cn-quotes":     subject(cn(`o"brien<x>&\y`)),
		"cn-separator":  subject(cn("line\u2028sep")),
		"cn-comma":      subject(org("devs,ops"), cn("comma,jane")),
		"cn-empty":      subject(org("devs"), cn("")),
		"cn-absent":     subject(org("system:masters")),
		"cn-last-empty": subject(cn("jane"), cn("")),
		"uid":           subject(org("devs"), cn("uma"), uid("7f0c-uma")),
		"uid-twice":     subject(org("devs"), cn("uma"), uid("a"), uid("b")),
		"uid-empty":     subject(org("devs"), cn("uma"), uid("")),
		"uid-blank":     subject(org("devs"), cn("uma"), uid(" 7 ")),
		"node":          subject(org("system:nodes"), cn("system:node:n001")),
		"kubelet-1":     subject(org("system:nodes"), cn("system:node:kubelet-1")),
		"node-no-group": subject(cn("system:node:n001")),
		"sa-name":       subject(cn("system:serviceaccount:diff-a:runner")),
		"anonymous":     subject(cn("system:anonymous")),
		"masters-name":  subject(cn("system:masters")),
		"unauth-group":  subject(org("system:unauthenticated"), cn("eve")),
		"auth-group":    subject(org("system:authenticated"), org("devs"), cn("jane")),
		"front-proxy-cn": subject(org("devs"),
			cn("kube-authproxy")),
		"blank-group":   subject(org(" system:masters"), cn("blank")),
		"tail-group":    subject(org("system:masters "), cn("blank")),
		"blank-name":    subject(org("devs"), cn(" jane")),
		"tail-name":     subject(org("devs"), cn("jane ")),
		"tab-name":      subject(org("devs"), cn("jane\t")),
		"control-name":  subject(org("devs"), cn("ja\x01ne")),
		"newline-group": subject(org("devs\r\nX-Remote-Group: system:masters"), cn("jane")),
		"nul-name":      subject(org("devs"), cn("jane\x00x")),
		"empty-group":   subject(org(""), org("devs"), cn("jane")),
	}
	many := []attributeSET{cn("many")}
	for i := range 300 {
		many = append(many, org(fmt.Sprintf("group-%03d", i)))
	}
	s["many-groups"] = subject(append(many, org("devs"))...)
	return s
}

type change struct {
	name   string
	change func(*x509.Certificate)
}

// validity are certificates of jane that differ in what makes them valid.
func validity() []change {
	return []change{
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }},
		{"not-yet", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }},
		{"eku-server",
			func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{"eku-any",
			func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }},
		{"eku-both", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth,
				x509.ExtKeyUsageClientAuth}
		}},
		{"eku-none", func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{"ku-encipherment",
			func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }},
	}
}

// chains are certificates of jane or of an administrator that differ in who
// signed them.
func chains(d folder, ca, frontProxy *pair) {
	jane := func() *x509.Certificate { return base(subject(org("devs"), cn("jane"))) }
	masters := func() *x509.Certificate {
		return base(subject(org("system:masters"),
			cn("mallory")))
	}

	unknown := authority("unknown-ca", nil, nil)
	d.putPair("unknown-ca", sign(masters(), unknown, ""))
	namesake := authority("client-ca", nil, nil)
	d.putPair("namesake-ca", sign(masters(), namesake, ""))
	d.putPair("front-proxy-signed", sign(masters(), frontProxy, ""))
	d.putPair("self-signed", sign(masters(), nil, ""))

	middle := authority("client-intermediate", ca, nil)
	d.putPair("intermediate", sign(jane(), middle, ""))
	bare := sign(jane(), middle, "")
	bare.chain = bare.chain[:1]
	d.putPair("intermediate-missing", bare)

	old := authority("client-expired-intermediate", ca,
		func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	d.putPair("intermediate-expired", sign(jane(), old, ""))
	serverOnly := authority("client-server-intermediate", ca, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	d.putPair("intermediate-eku-server", sign(jane(), serverOnly, ""))

	short := authority("client-pathlen0", ca, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	tooDeep := authority("client-below-pathlen0", short, nil)
	d.putPair("path-too-long", sign(masters(), tooDeep, ""))

	notCA := sign(jane(), ca, "")
	notCA.chain = [][]byte{notCA.cert.Raw}
	forged := sign(masters(), notCA, "")
	d.putPair("issuer-not-a-ca", forged)
}

// clients writes all client certificates and returns the one that the
// client authority file holds itself, beside the authority.
func clients(d folder, ca, frontProxy *pair) *pair {
	for name, s := range subjects() {
		d.putPair(name, sign(base(s), ca, ""))
	}
	for _, v := range validity() {
		t := base(subject(org("devs"), cn("jane")))
		v.change(t)
		d.putPair(v.name, sign(t, ca, ""))
	}
	chains(d, ca, frontProxy)
	for _, kind := range []string{"rsa", "ed25519"} {
		d.putPair("key-"+kind, sign(base(subject(org("devs"), cn("jane"))), ca, kind))
	}
	pinned := sign(base(subject(org("devs"), cn("pinned"))), nil, "")
	d.putPair("pinned", pinned)
	return pinned
}
