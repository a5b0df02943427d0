// SPDX-License-Identifier: Apache-2.0

// pki writes every key and certificate of the tier into one folder: the
// authorities, the servers' pair, the front-proxy identity, and a client
// certificate for each way in which one can be good or bad.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A pair is a certificate with its key and the certificates between it and
// its root, leaf first, as a client sends them.
type pair struct {
	cert  *x509.Certificate
	key   crypto.Signer
	chain [][]byte
}

var serial int64

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pki:", err)
		os.Exit(1)
	}
	return v
}

func newKey(kind string) crypto.Signer {
	switch kind {
	case "rsa":
		return must(rsa.GenerateKey(rand.Reader, 2048))
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	}
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// base is a certificate that is valid now, long enough for a run and short
// enough to be of no use afterwards.
func base(subject []byte) *x509.Certificate {
	serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		RawSubject:   subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// sign makes a certificate; without an issuer it signs itself. The chain of
// the result leaves out the root.
func sign(template *x509.Certificate, issuer *pair, keyKind string) *pair {
	key := newKey(keyKind)
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer))
	p := &pair{cert: must(x509.ParseCertificate(der)), key: key, chain: [][]byte{der}}
	if issuer != nil && len(issuer.chain) > 0 &&
		string(issuer.cert.RawIssuer) != string(issuer.cert.RawSubject) {
		p.chain = append(p.chain, issuer.chain...)
	}
	return p
}

func authority(name string, issuer *pair, change func(*x509.Certificate)) *pair {
	t := base(subject(cn(name)))
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = nil
	if change != nil {
		change(t)
	}
	return sign(t, issuer, "")
}

func certificates(ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

type folder string

func (d folder) put(name string, content []byte) {
	must(0, os.WriteFile(filepath.Join(string(d), name), content, 0o600))
}

func (d folder) putPair(name string, p *pair) {
	d.put(name+".crt", certificates(p.chain...))
	der := must(x509.MarshalPKCS8PrivateKey(p.key))
	d.put(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func server(ca *pair) *pair {
	t := base(subject(cn("kube-apiserver")))
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames = []string{"localhost", "kubernetes.default.svc"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	return sign(t, ca, "")
}

func serviceAccountKey(d folder) {
	key := newKey("rsa")
	der := must(x509.MarshalPKCS8PrivateKey(key))
	d.put("sa.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	pub := must(x509.MarshalPKIXPublicKey(key.Public()))
	d.put("sa.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

// request writes a certificate signing request, for an object that records
// who created it or that a node creates.
func request(d folder, file string, names []byte) {
	template := &x509.CertificateRequest{RawSubject: names}
	der := must(x509.CreateCertificateRequest(rand.Reader, template, newKey("")))
	d.put(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pki FOLDER")
		os.Exit(2)
	}
	d := folder(os.Args[1])
	must(0, os.MkdirAll(filepath.Join(string(d), "clients"), 0o700))

	serving := authority("serving-ca", nil, nil)
	d.put("serving-ca.crt", certificates(serving.chain...))
	d.putPair("server", server(serving))

	frontProxy := authority("front-proxy-ca", nil, nil)
	d.put("front-proxy-ca.crt", certificates(frontProxy.chain...))
	d.putPair("front-proxy", sign(base(subject(cn("kube-authproxy"))), frontProxy, ""))

	serviceAccountKey(d)
	request(d, "request.pem", subject(org("devs"), cn("jane")))
	request(d, "node-request.pem", subject(org("system:nodes"), cn("system:node:n002")))
	request(d, "kubelet-request.pem", subject(org("system:nodes"), cn("system:node:kubelet-1")))
	client := authority("client-ca", nil, nil)
	pinned := clients(folder(filepath.Join(string(d), "clients")), client, frontProxy)
	d.put("client-ca.crt", certificates(append(client.chain, pinned.chain...)...))
}
