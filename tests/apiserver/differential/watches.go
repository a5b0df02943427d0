// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Whole watches: opened at both servers, then objects are written, and all
// events up to a marker are compared. The writes are real and go to the
// direct server; they stay in a namespace of their own.

const (
	watched = "/api/v1/namespaces/diff-watch/configmaps"
	// lastMark is the value that only the last version of an object carries.
	lastMark = "the-end-of-this-watch"
	// eventLimit bounds what is read of a watch that never shows the marker.
	eventLimit = 200
)

type watch struct {
	cred          credential
	query, accept string
	target        string
}

func (w *watch) id() string {
	return fmt.Sprintf("whole-watch %s %s?%s [%s]", w.cred.name, w.target, w.query, w.accept)
}

// allWatches are the watches in every form and with every selector.
func allWatches() []*watch {
	formats := []string{"application/json", protobufType,
		protobufType + ",application/json",
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
		protobufType + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
		"application/json;as=Table;v=v1;g=meta.k8s.io"}
	initial := "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
	queries := []string{initial, "resourceVersion=0", "",
		initial + "&labelSelector=tier%3Dx", "resourceVersion=0&labelSelector=tier%21%3Dy",
		"resourceVersion=0&fieldSelector=metadata.name%3Dw-1",
		initial + "&fieldSelector=metadata.name%3Dw-1"}
	var all []*watch
	for _, query := range queries {
		for _, format := range formats {
			w := &watch{cred: certificate("admin"), accept: format, target: watched,
				query: strings.TrimSuffix("watch=true&timeoutSeconds=60&"+query, "&")}
			all = append(all, w)
		}
	}
	for _, format := range formats[:2] {
		all = append(all, &watch{cred: certificate("admin"), accept: format,
			target: "/api/v1/watch/namespaces/diff-watch/configmaps/w-1",
			query:  "timeoutSeconds=60&resourceVersion=0"})
		all = append(all, &watch{cred: certificate("admin"), accept: format,
			target: "/api/v1/watch/namespaces/diff-watch/configmaps",
			query:  "timeoutSeconds=60&resourceVersion=0"})
	}
	return all
}

// observe opens a watch, says so, and reads it up to the marker.
func (w *watch) observe(c *client, e *endpoint, opened func()) (events []event, failure string) {
	defer func() { opened() }()
	t := &testCase{cred: w.cred, method: http.MethodGet, target: w.target + "?" + w.query,
		headers: []string{"Accept: " + w.accept}}
	conn, err := c.dial(e, w.cred.cert)
	if err != nil {
		return nil, err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(4 * answerTimeout))
	if _, err := conn.Write(t.bytes()); err != nil {
		return nil, err.Error()
	}
	resp, err := http.ReadResponse(conn.reader, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, err.Error()
	}
	// The body is not closed: that would read the watch to its end.
	opened()
	mediaType := resp.Header.Get("Content-Type")
	events = append(events, event{kind: resp.Status, object: mediaType})
	if resp.StatusCode != http.StatusOK {
		return events, ""
	}
	body := bufio.NewReader(resp.Body)
	for len(events) < eventLimit {
		next, err := nextEvent(body, mediaType)
		if err != nil {
			return events, fmt.Sprintf("after %d events: %s", len(events), readError(err))
		}
		// The server sends other bookmarks when it likes.
		if next.kind == "BOOKMARK" && !strings.Contains(next.object, "initial-events-end") {
			continue
		}
		events = append(events, next)
		if next.last {
			return events, ""
		}
	}
	return events, "no marker"
}

// A watchRun is one watch as both servers show it.
type watchRun struct {
	watch           *watch
	direct, proxied []event
	failure         [2]string
}

func (r *watchRun) result() (result result) {
	if r.failure[0] != r.failure[1] || r.failure[0] != "" {
		result.lines = append(result.lines, fmt.Sprintf("direct ended %q, proxy %q", r.failure[0],
			r.failure[1]))
	}
	for i := range max(len(r.direct), len(r.proxied)) {
		var d, p event
		if i < len(r.direct) {
			d = r.direct[i]
		}
		if i < len(r.proxied) {
			p = r.proxied[i]
		}
		if d != p {
			found := difference{fmt.Sprintf("event %d", i), d.kind + " " + d.object,
				p.kind + " " + p.object}
			result.lines = append(result.lines, found.String())
		}
	}
	return result
}

// configMap is one version of a watched object.
func configMap(name, tier, mark string) string {
	return fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%s",`+
		`"labels":{"tier":"%s"}},"data":{"mark":"%s","text":"<&> \u2028 \"ü"}}`, name, tier, mark)
}

// write performs one of the real writes and says why it failed.
func write(c *client, e *endpoint, method, target, body string, want ...int) error {
	t := &testCase{cred: certificate("admin"), method: method, target: target, body: body,
		headers: []string{"Content-Type: application/json"}}
	if method == http.MethodPatch {
		t.headers = []string{"Content-Type: application/merge-patch+json"}
	}
	a := c.send(e, t)
	for _, status := range want {
		if a.status == status {
			return nil
		}
	}
	return fmt.Errorf("%s %s: %d %s %s", method, target, a.status, a.err, excerpt(string(a.body), 0))
}

// prepareWatched makes the objects that the watches find.
func prepareWatched(c *client, direct *endpoint) error {
	namespace := `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"diff-watch"}}`
	if err := write(c, direct, "POST", "/api/v1/namespaces", namespace, 201, 409); err != nil {
		return err
	}
	for i := range 5 {
		target := fmt.Sprintf("%s/w-%d", watched, i)
		if err := write(c, direct, "DELETE", target, "", 200, 404); err != nil {
			return err
		}
		if i >= 3 {
			continue
		}
		body := configMap(fmt.Sprintf("w-%d", i), string("xyx"[i]), "initial")
		if err := write(c, direct, "POST", watched, body, 201); err != nil {
			return err
		}
	}
	return nil
}

// changeWatched writes while the watches run: objects come, change, enter
// and leave the selections, and go; the last write is the marker.
func changeWatched(c *client, direct *endpoint) error {
	steps := []struct{ method, name, body string }{
		{"POST", "", configMap("w-3", "x", "new")},
		{"PATCH", "/w-1", `{"metadata":{"labels":{"tier":"x"}}}`},
		{"PATCH", "/w-0", `{"metadata":{"labels":{"tier":"y"}},"data":{"mark":null}}`},
		{"PUT", "/w-2", configMap("w-2", "x", strings.Repeat("large ", 40000))},
		{"POST", "", configMap("w-4", "y", "new")},
		{"DELETE", "/w-3", ""},
		{"PATCH", "/w-1", `{"metadata":{"labels":{"tier":"y"}}}`},
		{"DELETE", "/w-4", ""},
		{"PATCH", "/w-1", `{"metadata":{"labels":{"tier":"x"},"annotations":{"mark":"` + lastMark +
			`"}}}`},
	}
	for _, s := range steps {
		if err := write(c, direct, s.method, watched+s.name, s.body, 200, 201); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the watch caches of both servers have the objects that a
// watch with resourceVersion=0 takes from there: such a list shows them.
func (s *watchSet) settle(c *client, servers ...*endpoint) error {
	deadline := time.Now().Add(answerTimeout)
	for _, e := range servers {
		t := &testCase{cred: certificate("admin"), method: "GET",
			target: s.list + "?resourceVersion=0"}
		for {
			a := c.send(e, t)
			if a.status == 200 && strings.Count(string(a.body), s.initial) == s.count {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not list what was written: %d %s", e.name, a.status, a.err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// A watchSet is a series of writes with the watches that see them.
type watchSet struct {
	watches         []*watch
	prepare, change func(*client, *endpoint) error
	// list shows initial, a text, count times when all is prepared.
	list, initial string
	count         int
}

func configMapWatches() *watchSet {
	return &watchSet{allWatches(), prepareWatched, changeWatched, watched, `"mark":"initial"`, 3}
}

// wholeWatches runs them all at once over one series of writes.
func wholeWatches(o *options, direct, proxied *endpoint, _ *x509.CertPool) (names []string,
	results []result) {
	set := configMapWatches()
	if o.nodes != "" {
		set = nodeWatches()
	}
	pattern := regexp.MustCompile(o.only)
	var runs []*watchRun
	for _, w := range set.watches {
		if pattern.MatchString(w.id()) {
			runs = append(runs, &watchRun{watch: w})
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	c := newClient(filepath.Join(o.pki, "clients"), false)
	defer c.close()
	err := set.prepare(c, direct)
	if err == nil {
		err = set.settle(c, direct, proxied)
	}
	if err == nil {
		done := openWatches(o, runs, direct, proxied)
		err = set.change(c, direct)
		done.Wait()
	}
	events := 0
	for _, r := range runs {
		events += len(r.direct)
		one := r.result()
		if err != nil {
			one.lines = append(one.lines, err.Error())
		}
		names, results = append(names, r.watch.id()), append(results, one)
	}
	fmt.Printf("# %d events of %d watches compared\n", events, len(runs))
	return names, results
}

// openWatches returns when every watch has its headers; the result is done
// when every watch has ended.
func openWatches(o *options, runs []*watchRun, direct, proxied *endpoint) *sync.WaitGroup {
	var open, done sync.WaitGroup
	for _, r := range runs {
		for side, e := range []*endpoint{direct, proxied} {
			open.Add(1)
			done.Add(1)
			go func() {
				defer done.Done()
				c := newClient(filepath.Join(o.pki, "clients"), false)
				events, failure := r.watch.observe(c, e, sync.OnceFunc(open.Done))
				r.failure[side] = failure
				if side == 0 {
					r.direct = events
				} else {
					r.proxied = events
				}
			}()
		}
	}
	open.Wait()
	return &done
}
