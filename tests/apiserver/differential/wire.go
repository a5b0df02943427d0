// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Requests are written byte by byte on a TLS socket: an HTTP client library
// would tidy the very targets and headers that matter here.

// answerTimeout bounds one answer; no request of this suite waits on purpose.
const answerTimeout = 15 * time.Second

// bodyLimit bounds the body of an answer that is kept for comparison.
const bodyLimit = 64 << 20

// An answer is what came back, or why nothing did.
type answer struct {
	status int
	header http.Header
	body   []byte
	// stream marks an answer whose body does not end by itself: at most its
	// first event was read.
	stream bool
	err    string
}

// An endpoint is one server under comparison.
type endpoint struct {
	name    string
	address string
	roots   *x509.CertPool
}

// A client holds the connections of one worker to both servers, one per
// client certificate. It is not safe for use by several goroutines.
type client struct {
	certs    string
	resume   bool
	conns    map[string]*conn
	sessions map[string]tls.ClientSessionCache
	loaded   map[string]*tls.Certificate
}

type conn struct {
	*tls.Conn
	reader *bufio.Reader
}

// newClient makes a client that reads certificates from the folder certs;
// with resume its later connections resume the sessions of earlier ones.
func newClient(certs string, resume bool) *client {
	return &client{
		certs:    certs,
		resume:   resume,
		conns:    map[string]*conn{},
		sessions: map[string]tls.ClientSessionCache{},
		loaded:   map[string]*tls.Certificate{},
	}
}

func (c *client) certificate(name string) (*tls.Certificate, error) {
	if name == "" {
		return &tls.Certificate{}, nil
	}
	if cert := c.loaded[name]; cert != nil {
		return cert, nil
	}
	base := filepath.Join(c.certs, name)
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return nil, err
	}
	c.loaded[name] = &cert
	return &cert, nil
}

// dial opens a connection. The certificate is sent whatever authorities the
// server names, since unknown ones are among the cases.
func (c *client) dial(e *endpoint, certName string) (*conn, error) {
	cert, err := c.certificate(certName)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		RootCAs:    e.roots,
		ServerName: "localhost",
		NextProtos: []string{"http/1.1"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert, nil
		},
	}
	key := e.name + "/" + certName
	if c.resume {
		if c.sessions[key] == nil {
			c.sessions[key] = tls.NewLRUClientSessionCache(4)
		}
		config.ClientSessionCache = c.sessions[key]
	}
	dialer := &net.Dialer{Timeout: answerTimeout}
	raw, err := tls.DialWithDialer(dialer, "tcp", e.address, config)
	if err != nil {
		return nil, err
	}
	return &conn{raw, bufio.NewReader(raw)}, nil
}

func (c *client) close() {
	for _, open := range c.conns {
		open.Close()
	}
}

// send asks one server. A kept connection that was closed before the first
// byte of the answer is replaced once; a fresh one is not.
func (c *client) send(e *endpoint, t *testCase) *answer {
	key := e.name + "/" + t.cred.cert
	open := c.conns[key]
	delete(c.conns, key)
	if open != nil && !t.fresh {
		a, keep := exchange(open, t)
		if a.err != "closed" {
			return c.done(key, open, a, keep)
		}
		open.Close()
	} else if open != nil {
		open.Close()
	}
	open, err := c.dial(e, t.cred.cert)
	if err != nil {
		return &answer{err: "connect: " + err.Error()}
	}
	a, keep := exchange(open, t)
	return c.done(key, open, a, keep)
}

func (c *client) done(key string, open *conn, a *answer, keep bool) *answer {
	if keep {
		c.conns[key] = open
	} else {
		open.Close()
	}
	return a
}

// exchange writes the request and reads the answer; keep says whether the
// connection may carry another one.
func exchange(open *conn, t *testCase) (a *answer, keep bool) {
	open.SetDeadline(time.Now().Add(answerTimeout))
	// A server may answer and close before it has read a large body, so a
	// failed write is no result yet.
	_, writeErr := open.Write(t.bytes())
	a, keep = readAnswer(open.reader, t)
	return a, keep && writeErr == nil
}

func readAnswer(r *bufio.Reader, t *testCase) (*answer, bool) {
	if _, err := r.Peek(1); err != nil {
		return &answer{err: readError(err)}, false
	}
	method := t.method
	if method != http.MethodHead && method != http.MethodConnect {
		method = http.MethodGet
	}
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return &answer{err: "malformed answer: " + err.Error()}, false
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		return finish(resp, t)
	}
}

func finish(resp *http.Response, t *testCase) (*answer, bool) {
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if resp.ContentLength >= 0 {
		// The library takes the length out of the header.
		a.header.Set("Content-Length", fmt.Sprint(resp.ContentLength))
	}
	if resp.StatusCode == http.StatusOK && resp.ContentLength < 0 && t.streams() {
		a.stream = true
		if t.event {
			a.body = firstLine(resp.Body)
		}
		return a, false
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		a.stream = true
		return a, false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	a.body = body
	if err != nil {
		a.err = "body: " + readError(err)
		return a, false
	}
	return a, !resp.Close && t.keepsConnection()
}

// firstLine is the first event of a watch in JSON; the deadline of the
// connection bounds the wait for it.
func firstLine(body io.Reader) []byte {
	line, err := bufio.NewReader(body).ReadBytes('\n')
	if err != nil {
		return []byte("no event: " + readError(err))
	}
	return line
}

func readError(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), strings.Contains(err.Error(),
		"connection reset"),
		strings.Contains(err.Error(), "broken pipe"):
		return "closed"
	}
	return err.Error()
}

// bytes is the request as it goes on the wire.
func (t *testCase) bytes() []byte {
	if t.raw != "" {
		return []byte(t.raw)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", t.method, t.target)
	for _, line := range t.cred.headers {
		b.WriteString(line + "\r\n")
	}
	for _, line := range t.headers {
		b.WriteString(line + "\r\n")
	}
	if t.body != "" || t.method == "POST" || t.method == "PUT" || t.method == "PATCH" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(t.body))
	}
	b.WriteString("\r\n")
	b.WriteString(t.body)
	return b.Bytes()
}

// streams says whether a 200 without a length may go on without end.
func (t *testCase) streams() bool {
	lower := strings.ToLower(t.target)
	return strings.Contains(lower, "watch") || strings.Contains(lower, "%77atch") ||
		strings.Contains(lower, "follow=")
}

func (t *testCase) choosesAuditID() bool {
	return slices.ContainsFunc(slices.Concat(t.headers, t.cred.headers), func(line string) bool {
		return strings.HasPrefix(line, "Audit-ID:")
	})
}

// keepsConnection says whether the framing of the request is beyond doubt, so
// that what follows on the connection is the next answer.
func (t *testCase) keepsConnection() bool {
	return t.raw == ""
}

func loadRoots(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s: no certificate", file)
	}
	return pool, nil
}
