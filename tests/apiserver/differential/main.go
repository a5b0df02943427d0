// SPDX-License-Identifier: Apache-2.0

// differential sends the same requests to a kube-apiserver directly and to
// the proxy, and fails for every difference that is not in its table.
package main

import (
	"crypto/x509"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type options struct {
	direct, proxy, basic string
	pki, tokens          string
	mode, only           string
	nodes, vectors       string
	jobs                 int
	list, verbose        bool
}

// A result is the outcome of one case; lines say what is wrong.
type result struct {
	lines           []string
	excused         *known
	direct, proxied int
	// hung says that an answer did not come in time.
	hung bool
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "differential: "+format+"\n", args...)
	os.Exit(2)
}

func parseFlags() *options {
	o := &options{}
	flag.StringVar(&o.direct, "direct", "", "host:port of the server that authorizes by itself")
	flag.StringVar(&o.proxy, "proxy", "",
		"host:port of the proxy; the direct server again for a self-test")
	flag.StringVar(&o.basic, "basic", "",
		"host:port of a proxy with a password file and no anonymous access")
	flag.StringVar(&o.pki, "pki", "", "folder of certificates")
	flag.StringVar(&o.tokens, "tokens", "", "token file that both sides read")
	flag.StringVar(&o.mode, "mode", "none", "none, enforcing or self: what stands behind -proxy")
	flag.StringVar(&o.nodes, "nodes", "",
		"token file of the node suite, which then runs instead of the other one")
	flag.StringVar(&o.vectors, "vectors", "", "noderestriction.json, for the node suite")
	flag.StringVar(&o.only, "only", "", "run only the cases whose name matches this expression")
	flag.IntVar(&o.jobs, "jobs", 3, "connections in parallel")
	flag.BoolVar(&o.list, "list", false, "print the cases' names and stop")
	flag.BoolVar(&o.verbose, "verbose", false, "print the status that each case got, from both")
	flag.Parse()
	return o
}

// printPorts prints free loopback ports. Another process may take one before
// it is used, which then shows as a start that fails.
func printPorts(count string) {
	n, err := strconv.Atoi(count)
	if err != nil {
		fatal("ports: %v", err)
	}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fatal("%v", err)
		}
		defer l.Close()
		fmt.Println(l.Addr().(*net.TCPAddr).Port)
	}
}

func newSuite(o *options) *suite {
	s := &suite{random: rand.New(rand.NewPCG(seed, seed))}
	var err error
	if s.certificates, err = certificates(filepath.Join(o.pki, "clients")); err != nil {
		fatal("%v", err)
	}
	if s.tokens, err = tokens(o.tokens); err != nil {
		fatal("%v", err)
	}
	for name, request := range map[string]*[]byte{"request": &s.request,
		"node-request": &s.nodeRequest} {
		if *request, err = os.ReadFile(filepath.Join(o.pki, name+".pem")); err != nil {
			fatal("%v", err)
		}
	}
	if len(s.certificates) == 0 || len(s.tokens) == 0 {
		fatal("no certificates in %s or no tokens in %s", o.pki, o.tokens)
	}
	s.build()
	return s
}

// suiteOf waits for the fixtures and makes the cases.
func suiteOf(o *options, direct, proxied *endpoint) *suite {
	s := newSuite(o)
	if o.list && o.nodes == "" {
		return s
	}
	for _, e := range []*endpoint{direct, proxied} {
		if err := awaitFixtures(o, e); err != nil {
			fatal("%v", err)
		}
	}
	if o.nodes != "" {
		s = newNodeSuite(o, s, direct)
		if err := settleNodes(o, direct, proxied); err != nil {
			fatal("%v", err)
		}
	}
	return s
}

func (s *suite) selected(only string) []*testCase {
	expression, err := regexp.Compile(only)
	if err != nil {
		fatal("-only: %v", err)
	}
	var chosen []*testCase
	for _, t := range s.cases {
		if expression.MatchString(t.id()) {
			chosen = append(chosen, t)
		}
	}
	return chosen
}

// hangLimit is the number of timeouts after which the rest of the cases is
// given up: a proxy that hangs must not hold the suite for hours.
const hangLimit = 20

// runAll runs each case against both servers. Case i belongs to worker i mod
// jobs, so a run repeats exactly; every second worker resumes TLS sessions.
func runAll(o *options, cases []*testCase, direct, proxied *endpoint) []result {
	results := make([]result, len(cases))
	var hangs atomic.Int32
	var wg sync.WaitGroup
	for worker := range o.jobs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := newClient(filepath.Join(o.pki, "clients"), worker%2 == 1)
			defer c.close()
			for i := worker; i < len(cases); i += o.jobs {
				if hangs.Load() >= hangLimit {
					results[i].lines = []string{"not run: too many answers never came"}
					continue
				}
				results[i] = runOne(o, c, cases[i], direct, proxied)
				if results[i].hung {
					hangs.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	return results
}

func runOne(o *options, c *client, t *testCase, direct, proxied *endpoint) (r result) {
	d, p := c.send(direct, t), c.send(proxied, t)
	r.direct, r.proxied = d.status, p.status
	found := compare(t, d, p)
	if len(found) == 0 {
		return r
	}
	r.hung = strings.Contains(d.err+p.err, "timeout")
	if r.excused = excuse(o.mode, t, d, p); r.excused != nil {
		return r
	}
	if d.err == "" && d.status >= 400 && p.status != 0 && p.status < 400 {
		r.lines = append(r.lines, fmt.Sprintf("REFUSED BY THE SERVER, %d FROM THE PROXY", p.status))
	}
	for _, f := range found {
		r.lines = append(r.lines, f.String())
	}
	return r
}

// summarize prints how many cases of each group failed, so that a long list
// of failures shows its shape.
func summarize(names []string, results []result) {
	counts := map[string]int{}
	for i, r := range results {
		if len(r.lines) > 0 {
			group, _, _ := strings.Cut(names[i], " ")
			counts[group]++
		}
	}
	for _, group := range sortedKeys(counts) {
		fmt.Printf("# %d failed in group %s\n", counts[group], group)
	}
}

// report prints failures in the order of the cases and returns the counts.
func report(names []string, results []result) (passed, failed int) {
	for i, r := range results {
		if len(r.lines) == 0 {
			passed++
			if r.excused != nil {
				r.excused.used++
			}
			continue
		}
		failed++
		fmt.Println("FAIL", names[i])
		for _, line := range r.lines {
			fmt.Println("    " + line)
		}
	}
	return passed, failed
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "ports" {
		printPorts(os.Args[2])
		return
	}
	if len(os.Args) == 5 && os.Args[1] == "node-tokens" {
		if err := writeNodeTokens(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fatal("%v", err)
		}
		return
	}
	o := parseFlags()
	roots, err := loadRoots(filepath.Join(o.pki, "serving-ca.crt"))
	if err != nil {
		fatal("%v", err)
	}
	direct := &endpoint{"direct", o.direct, roots}
	proxied := &endpoint{"proxy", o.proxy, roots}
	cases := suiteOf(o, direct, proxied).selected(o.only)
	names := make([]string, len(cases))
	for i, t := range cases {
		names[i] = t.id()
		if o.list {
			fmt.Println(names[i])
		}
	}
	if o.list {
		return
	}
	start := time.Now()
	results := runAll(o, cases, direct, proxied)
	for i := range results {
		if o.verbose {
			fmt.Println(results[i].direct, results[i].proxied, names[i])
		}
	}
	passed, failed := report(names, results)
	summarize(names, results)
	for _, more := range []func(*options, *endpoint, *endpoint, *x509.CertPool) ([]string,
		[]result){wholeWatches, proxyOnly} {
		names, results = more(o, direct, proxied, roots)
		morePassed, moreFailed := report(names, results)
		summarize(names, results)
		passed, failed = passed+morePassed, failed+moreFailed
	}
	for _, k := range differences {
		if k.used > 0 {
			fmt.Printf("# %d answers differ as documented: %s (%s)\n", k.used, k.name, k.why)
		}
	}
	fmt.Printf("# %d requests compared in %.1f s, mode %s\n", len(cases),
		time.Since(start).Seconds(), o.mode)
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
