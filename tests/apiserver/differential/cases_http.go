// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// headerCases carry headers that have a meaning between the two hops, or
// that a server treats specially.
func (s *suite) headerCases() {
	lines := []string{"Accept-Encoding: gzip", "Accept-Encoding: gzip, br", "If-None-Match: \"x\"",
		"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
		"Range: bytes=0-10", "Origin: https://elsewhere.example", "Expect: 100-continue",
		"Connection: close", "Connection: keep-alive, foo",
		"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
		"Upgrade: websocket", "Upgrade: SPDY/3.1\r\nConnection: Upgrade",
		"X-HTTP-Method-Override: DELETE",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Long: " +
			strings.Repeat("y", 30000),
		"Cookie: a=b; c=d", "Content-Type: application/json", "X-Empty:", "x-lower-case: 1",
		"X-High: \xc3\xa9", "TE: trailers", "Max-Forwards: 0", "Via: 1.1 elsewhere"}
	targets := []string{pods, configMaps + "/cm-1", "/api/v1/secrets", "/version", "/healthz",
		"/api/v1/pods?limit=1"}
	for _, line := range lines {
		for _, target := range targets {
			for _, u := range []credential{anonymous, certificate("jane"),
				certificate("unknown-ca")} {
				t := s.add(testCase{group: "header", cred: u, method: "GET", target: target,
					headers: strings.Split(line, "\r\n")})
				t.note = fmt.Sprintf("%.60s", strings.ReplaceAll(line, "\r\n", ", "))
				t.fresh = strings.HasPrefix(line, "Upgrade") || strings.HasPrefix(line,
					"Connection: close")
			}
		}
	}
	for _, value := range []string{"5s", "0", "500ms", "1m", "-1s", "30", "1x", "", "9999h", "1e3s",
		"%31s", "+5s", "5s;x"} {
		for _, u := range []credential{anonymous, certificate("jane"), certificate("unknown-ca")} {
			s.add(testCase{group: "header", cred: u, method: "GET", target: pods + "?timeout=" +
				value})
			s.add(testCase{group: "header", cred: u, method: "GET", target: pods +
				"?watch=1&timeoutSeconds=1&timeout=" + value})
		}
	}
	for _, host := range []string{"other.example", "localhost:1", "[::1]:6443", "a_b",
		"LOCALHOST."} {
		s.raw("host "+host, "GET /version HTTP/1.1\r\nHost: "+host+"\r\n\r\n", false)
	}
}

// framingCases are requests at the edge of HTTP/1.1. Where the server takes
// what a strict reader refuses, the proxy may answer 400 instead.
func (s *suite) framingCases() {
	const head, host = "GET /version HTTP/1.1\r\n", "Host: localhost\r\n"
	const post, chunked = "POST /version HTTP/1.1\r\n" + host, "Transfer-Encoding: chunked\r\n"
	s.raw("no host", head+"\r\n", false)
	s.raw("two hosts", head+host+host+"\r\n", false)
	s.raw("bad host", head+"Host: a/b\r\n\r\n", true)
	s.raw("version 1.0", "GET /version HTTP/1.0\r\nHost: localhost\r\n\r\n", true)
	s.raw("version 2.0", "GET /version HTTP/2.0\r\nHost: localhost\r\n\r\n", true)
	s.raw("version 1.2", "GET /version HTTP/1.2\r\nHost: localhost\r\n\r\n", true)
	s.raw("lower version", "GET /version http/1.1\r\nHost: localhost\r\n\r\n", true)
	s.raw("two blanks", "GET  /version HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
	s.raw("blank in target", "GET /ver sion HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
	s.raw("control in target", "GET /ver\x01sion HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
	s.raw("high byte in target", "GET /custom\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
	s.raw("blank before colon", head+host+"X-A : b\r\n\r\n", true)
	s.raw("blank in name", head+host+"X A: b\r\n\r\n", true)
	s.raw("empty name", head+host+": b\r\n\r\n", true)
	s.raw("no colon", head+host+"nonsense\r\n\r\n", true)
	s.raw("obs-fold", head+host+"X-A: b\r\n c\r\n\r\n", true)
	s.raw("nul in value", head+host+"X-A: b\x00c\r\n\r\n", true)
	s.raw("bare LF", "GET /version HTTP/1.1\nHost: localhost\n\n", true)
	s.raw("bare CR in value", head+host+"X-A: b\rc\r\n\r\n", true)
	s.raw("length and chunked", post+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true)
	s.raw("two lengths", post+"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", true)
	s.raw("same length twice", post+"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", true)
	s.raw("length list", post+"Content-Length: 3, 3\r\n\r\nabc", true)
	s.raw("length with plus", post+"Content-Length: +3\r\n\r\nabc", true)
	s.raw("negative length", post+"Content-Length: -3\r\n\r\nabc", true)
	s.raw("unknown coding", post+"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", true)
	s.raw("coding list", post+"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", true)
	s.raw("chunked", post+chunked+"\r\n3\r\nabc\r\n0\r\n\r\n", false)
	s.raw("chunk extension", post+chunked+"\r\n3;a=b\r\nabc\r\n0\r\n\r\n", true)
	s.raw("trailer", post+chunked+"Trailer: X-Remote-User\r\n\r\n3\r\nabc\r\n0\r\nX-Remote-User: admin\r\n\r\n", false)
	s.raw("unknown expectation", head+host+"Expect: 200-maybe\r\n\r\n", true)
	s.raw("bad escape", "GET /%zz HTTP/1.1\r\n"+host+"\r\n", false)
	s.raw("short escape", "GET /a%4 HTTP/1.1\r\n"+host+"\r\n", false)
	s.raw("absolute form", "GET https://other.example/version HTTP/1.1\r\n"+host+"\r\n", false)
	s.raw("absolute form, no path", "GET https://other.example HTTP/1.1\r\n"+host+"\r\n", true)
	s.raw("absolute form, user", "GET https://admin:x@other.example/version HTTP/1.1\r\n"+host+"\r\n", true)
	s.raw("long target", "GET /custom?"+strings.Repeat("a=b&", 5000)+" HTTP/1.1\r\n"+host+"\r\n", false)
	s.raw("many pieces", "GET /api/v1/pods?"+strings.Repeat("&a", 10001)+"&watch=1 HTTP/1.1\r\n"+host+"\r\n", true)
	s.raw("many headers", head+host+strings.Repeat("X-A: b\r\n", 90)+"\r\n", false)
	s.raw("headers too large", head+host+"X-A: "+strings.Repeat("b", 1<<20+8192)+"\r\n\r\n", false)
}

func (s *suite) raw(note, request string, refusable bool) {
	line, _, _ := strings.Cut(request, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	target, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	s.add(testCase{group: "framing", cred: anonymous, method: method, target: target, raw: request,
		note:  note,
		fresh: true, refusable: refusable})
}
