/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that the HTTP/1.1 server refuses, with its whole answer. */
#define TEXT_HEAD "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
#define BAD "HTTP/1.1 400 Bad Request\r\n" TEXT_HEAD "400 Bad Request"
#define BAD_BECAUSE(why) "HTTP/1.1 400 Bad Request: " why "\r\n" TEXT_HEAD "400 Bad Request: " why
#define BAD_VERSION "HTTP/1.1 505 HTTP Version Not Supported: unsupported protocol version\r\n" \
	TEXT_HEAD "505 HTTP Version Not Supported: unsupported protocol version"
#define BAD_CODING "HTTP/1.1 501 Not Implemented\r\n" TEXT_HEAD "Unsupported transfer encoding"
#define TOO_LARGE "HTTP/1.1 431 Request Header Fields Too Large\r\n" TEXT_HEAD \
	"431 Request Header Fields Too Large"
#define BAD_EXPECT "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n" \
	"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" \
	"Content-Length: 0\r\n\r\n"

#define G "GET / HTTP/1.1\r\nHost: x\r\n"
#define P "POST / HTTP/1.1\r\nHost: x\r\n"

struct refusal_row {
	const char *label;
	struct str request;
	const char *answer;
};

static const struct refusal_row refusal_rows[] = {
#define ROW(label, request, answer) { label, { request, sizeof(request) - 1 }, answer }
	/* The request line. */
	ROW("empty first line", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("no version", "GET /\r\n\r\n", BAD),
	ROW("one word", "GET\r\n\r\n", BAD),
	ROW("two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("two blanks behind", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("blank at the end", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", BAD),
	ROW("blank before", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("tab", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("blank in target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("lower case method", "get / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("unknown method", "FOO / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("method of another protocol", "DESCRIBE / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("bad method", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("CONNECT path", "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("authority form", "GET h:1 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("relative target", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("no host in the target", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("asterisk with GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("asterisk and more", "OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("target byte 01", "GET /\001 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("target byte 00", "GET /\0a HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("target byte 7f", "GET /\177 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("target byte 80", "GET /\200 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("target in UTF-8", "GET /\303\251 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("bad escape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("short escape", "GET /a%4 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("shorter escape", "GET /a%?a=b HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", BAD_VERSION),
	ROW("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", BAD_VERSION),
	ROW("HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", BAD_VERSION),
	ROW("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_VERSION),
	ROW("HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", BAD),
	ROW("http/1.1", "GET / http/1.1\r\nHost: x\r\n\r\n", BAD),
	ROW("ICE", "SOURCE / ICE/1.0\r\nHost: x\r\n\r\n", BAD),
	ROW("RTSP", "OPTIONS / RTSP/1.0\r\nHost: x\r\n\r\n", BAD),
	/* Line ends; CVE-2023-30589 is the CR that ends a header line. */
	ROW("LF ends the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", BAD),
	ROW("LF ends a field", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", BAD),
	ROW("LF ends the head", "GET / HTTP/1.1\r\nHost: x\r\n\n", BAD),
	ROW("LF only", "GET / HTTP/1.1\nHost: x\n\n", BAD),
	ROW("CR ends a field", G "A: b\rTransfer-Encoding: chunked\r\n\r\n", BAD),
	ROW("CR in a value", G "A: b\rc\r\n\r\n", BAD),
	ROW("CR CR LF", G "A: b\r\r\n\r\n", BAD),
	ROW("CR before colon", G "A\r: b\r\n\r\n", BAD),
	ROW("CR ends the head", G "\rA: b\r\n\r\n", BAD),
	ROW("CR in the request line", "GET / HTTP/1.1\r\rHost: x\r\n\r\n", BAD),
	ROW("CR CR LF ends the head", G "\r\r\n", BAD),
	/* Fields. */
	ROW("folded line", G "A: b\r\n c\r\n\r\n", BAD),
	ROW("folded by tab", G "A: b\r\n\tc\r\n\r\n", BAD),
	ROW("folded first line", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", BAD),
	ROW("blanks only", G " \r\n\r\n", BAD),
	ROW("NUL in a value", G "A: b\0c\r\n\r\n", BAD_BECAUSE("invalid header value")),
	ROW("NUL in a name", G "A\0: b\r\n\r\n", BAD_BECAUSE("invalid header name")),
	ROW("control in a value", G "A: b\001\r\n\r\n", BAD_BECAUSE("invalid header value")),
	ROW("DEL in a value", G "A: b\177\r\n\r\n", BAD_BECAUSE("invalid header value")),
	ROW("blank before colon", G "A : b\r\n\r\n", BAD),
	ROW("tab before colon", G "A\t: b\r\n\r\n", BAD),
	ROW("length with a blank", P "Content-Length : 1\r\n\r\na", BAD),
	ROW("blank in a name", G "A B: b\r\n\r\n", BAD_BECAUSE("invalid header name")),
	ROW("name in UTF-8", G "\303\251: b\r\n\r\n", BAD_BECAUSE("invalid header name")),
	ROW("empty name", G ": b\r\n\r\n", BAD),
	ROW("no colon", G "A\r\n\r\n", BAD),
	ROW("two hosts", G "Host: x\r\n\r\n", BAD),
	ROW("two hosts, case", G "hOST: y\r\n\r\n", BAD),
	ROW("no host", "GET / HTTP/1.1\r\n\r\n", BAD_BECAUSE("missing required Host header")),
	ROW("no host, absolute", "GET http://h/ HTTP/1.1\r\n\r\n",
	    BAD_BECAUSE("missing required Host header")),
	ROW("illegal host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
	    BAD_BECAUSE("malformed Host header")),
	ROW("host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	    BAD_BECAUSE("malformed Host header")),
	ROW("host with @", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", BAD_BECAUSE("malformed Host "
		    "header")),
	ROW("expectation", P "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", BAD_EXPECT),
	/* Lengths. */
	ROW("both", P "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
	ROW("both, other order", P "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n"
		    "\r\n", BAD),
	ROW("two lengths", P "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", BAD),
	ROW("the same length twice", P "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", BAD),
	ROW("list of lengths", P "Content-Length: 1, 1\r\n\r\na", BAD),
	ROW("length with sign", P "Content-Length: +1\r\n\r\na", BAD),
	ROW("negative length", P "Content-Length: -1\r\n\r\na", BAD),
	ROW("empty length", P "Content-Length:\r\n\r\na", BAD),
	ROW("blank length", P "Content-Length: \r\n\r\na", BAD),
	ROW("hexadecimal length", P "Content-Length: 0x1\r\n\r\na", BAD),
	ROW("length with text", P "Content-Length: 1a\r\n\r\na", BAD),
	ROW("length in two words", P "Content-Length: 1 1\r\n\r\na", BAD),
	ROW("huge length", P "Content-Length: 99999999999999999999\r\n\r\na", BAD),
	ROW("length beyond 2^63", P "Content-Length: 9223372036854775808\r\n\r\na", BAD),
	ROW("other coding", P "Transfer-Encoding: gzip\r\n\r\n", BAD_CODING),
	ROW("coding and chunked", P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n"
		    "\r\n", BAD_CODING),
	ROW("chunked and coding", P "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n"
		    "\r\n", BAD_CODING),
	ROW("chunked twice", P "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", BAD_CODING),
	ROW("two codings", P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "0\r\n\r\n",
	    BAD_CODING),
	ROW("identity", P "Transfer-Encoding: identity\r\n\r\n", BAD_CODING),
	ROW("xchunked", P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", BAD_CODING),
	ROW("quoted coding", P "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", BAD_CODING),
	ROW("vertical tab", P "Transfer-Encoding: \013chunked\r\n\r\n0\r\n\r\n",
	    BAD_BECAUSE("invalid header value")),
	ROW("empty coding", P "Transfer-Encoding:\r\n\r\n", BAD_CODING),
	ROW("coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
		    "\r\n", BAD),
};

#define C P "Transfer-Encoding: chunked\r\n\r\n"

/* Bodies whose framing is broken: the request was accepted, never ended, and the answer is 400. */
static const struct refusal_row chunk_rows[] = {
	ROW("LF ends the size", C "5\nhello\r\n0\r\n\r\n", BAD),
	ROW("CR ends the size", C "5\rhello\r\n0\r\n\r\n", BAD),
	ROW("LF ends the chunk", C "5\r\nhello\n0\r\n\r\n", BAD),
	ROW("CR ends the chunk", C "5\r\nhello\r0\r\n\r\n", BAD),
	ROW("chunk too long", C "5\r\nhello!\r\n0\r\n\r\n", BAD),
	ROW("chunk too short", C "5\r\nhell\r\n0\r\n\r\n", BAD),
	ROW("sign", C "+5\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("minus", C "-5\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("0x", C "0x5\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("blank before the size", C " 5\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("blank behind the size", C "5 \r\nhello\r\n0\r\n\r\n", BAD),
	ROW("no size", C "\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("no size but an extension", C ";a\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("overflow", C "10000000000000005\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("all bits", C "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("sign bit", C "8000000000000000\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("LF in an extension", C "5;a\nhello\r\n0\r\n\r\n", BAD),
	ROW("CR in an extension", C "5;a\rb\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("LF in a quoted extension", C "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", BAD),
	ROW("LF ends the trailers", C "0\r\n\n", BAD),
	ROW("CR ends the trailers", C "0\r\n\rX", C),
	ROW("CR ends a trailer", C "0\r\nA: b\rC: d\r\n\r\n", BAD),
	ROW("folded trailer", C "0\r\nA: b\r\n c\r\n\r\n", BAD),
	ROW("trailer without colon", C "0\r\nGET / HTTP/1.1\r\n\r\n", BAD),
	ROW("coding in the trailers", C "0\r\nTransfer-Encoding: chunked\r\n\r\n", BAD),
};
