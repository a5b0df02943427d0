#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The test API server over its own port: identity, verbs, watches, faults, and kubectl when there is one.
set -u
server=${TEST_BUILD:-.}/tests/upstream/test-apiserver
src=${TEST_SRC:-.}
for tool in curl openssl; do
	command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is missing"; exit 0; }
done
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill $pid 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
count=0 failed=0

result() { # held, name, got
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		printf '%s\n' "$3" | head -c 1000 | sed 's/^/# got: /'
	fi
}

has() { # name, text, part
	case $2 in *"$3"*) result 0 "$1" "" ;; *) result 1 "$1" "$2" ;; esac
}

hasnt() { # name, text, part
	case $2 in *"$3"*) result 1 "$1" "$2" ;; *) result 0 "$1" "" ;; esac
}

new_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-keyout "$1.key" -out "$1.crt" -subj "/CN=$1" 2>/dev/null
}

new_cert() { # name, ca, subject, usage
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" \
		-out "$1.csr" -subj "$3" 2>/dev/null
	printf 'extendedKeyUsage=%s\nsubjectAltName=IP:127.0.0.1\n' "$4" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 2 \
		-extfile "$1.ext" -out "$1.crt" 2>/dev/null
}

start() { # flags...
	rm -f port
	"$server" --tls-cert-file=serving.crt --tls-private-key-file=serving.key \
		--client-ca-file=ca.crt --requestheader-client-ca-file=front.crt \
		--requestheader-allowed-names=front-proxy \
		--requestheader-username-headers=X-Remote-User \
		--requestheader-uid-headers=X-Remote-Uid \
		--requestheader-group-headers=X-Remote-Group \
		--requestheader-extra-headers-prefix=X-Remote-Extra- \
		--secure-port=0 --port-file=port --test-control "$@" >server.log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		[ -e port ] && break
		sleep 0.1
	done
	url=https://127.0.0.1:$(cat port)
}

stop() {
	kill $pid
	wait $pid
	ended=$?
	pid=
}

as() { # certificate, path, curl's arguments...
	local who=$1 path=$2
	shift 2
	local cert=(--cert "$who.crt" --key "$who.key")
	[ "$who" != nobody ] || cert=()
	curl -sS --max-time 10 --cacert ca.crt -A test "${cert[@]}" "$url$path" "$@" 2>&1
}

send() { # method, path, type, body
	as admin "$2" -X "$1" -H "Content-Type: $3" -d "$4"
}

new_ca ca
new_ca front
new_cert serving ca /CN=kube-apiserver serverAuth
new_cert admin ca /O=system:masters/CN=admin clientAuth
new_cert jane ca /O=devs/CN=jane clientAuth
new_cert n001 ca /O=system:nodes/CN=system:node:n001 clientAuth
new_cert proxy front /CN=front-proxy clientAuth
new_cert other front /CN=other clientAuth
start --manifests="$src/tests/data/bootstrap-rbac.yaml"

# Identity.
echo=/_test/echo
has "a client certificate is its CN and O" "$(as jane $echo)" \
	'"user":{"username":"jane","groups":["devs","system:authenticated"]'
has "no certificate is anonymous" "$(as nobody $echo)" \
	'"user":{"username":"system:anonymous","groups":["system:unauthenticated"]}'
has "front-proxy headers" "$(as proxy $echo -H 'X-Remote-User: u' -H 'X-Remote-Uid: 1' \
	-H 'X-Remote-Group: a,b' -H 'X-Remote-Group: c' \
	-H 'X-Remote-Extra-Example.com%2fKey: v')" \
	'"user":{"username":"u","uid":"1","groups":["a,b","c","system:authenticated"],"extra":{"example.com/key":["v"]}}'
has "headers without a front-proxy certificate mean nothing" \
	"$(as jane $echo -H 'X-Remote-User: u')" '"user":{"username":"jane"'
has "a front-proxy certificate of another name" \
	"$(as other /api -H 'X-Remote-User: u')" '"reason":"Unauthorized","code":401'
has "a front-proxy certificate without headers" "$(as proxy /api)" '"code":401'
has "SelfSubjectReview" "$(send POST /apis/authentication.k8s.io/v1/selfsubjectreviews \
	application/json '{}')" '"userInfo":{"username":"admin"'

# Discovery and health.
has "/readyz" "$(as nobody /readyz)" ok
has "/apis" "$(as admin /apis)" '"name":"rbac.authorization.k8s.io"'
has "/api/v1" "$(as admin /api/v1)" '"name":"pods/status"'
has "unknown path" "$(as admin /foo)" '404 page not found'
has "unknown resource" "$(as admin /api/v1/foo)" \
	'"message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404'

# Objects.
ns=/api/v1/namespaces/default
cm=$ns/configmaps
has "create" "$(send POST $cm application/json '{"metadata":{"name":"a","labels":{"x":"y"}}}')" \
	'"kind":"ConfigMap","apiVersion":"v1"'
has "create again" "$(send POST $cm application/json '{"metadata":{"name":"a"}}')" \
	'"message":"configmaps \"a\" already exists","reason":"AlreadyExists","details":{"name":"a","kind":"configmaps"},"code":409'
has "generateName" "$(send POST $cm application/json '{"metadata":{"generateName":"g-"}}')" \
	'"name":"g-'
has "no name" "$(send POST $cm application/json '{}')" '"code":422'
has "missing namespace" "$(send POST /api/v1/namespaces/none/configmaps application/json \
	'{"metadata":{"name":"a"}}')" 'namespaces \"none\" not found'
has "missing object" "$(as admin $cm/none)" \
	'"message":"configmaps \"none\" not found","reason":"NotFound","details":{"name":"none","kind":"configmaps"},"code":404'
has "no media type we know" "$(send POST $cm text/xml '{}')" '"code":415'
has "malformed body" "$(send POST $cm application/json '{')" '"code":400'
has "wrong version" "$(send POST $cm application/json '{"apiVersion":"v2"}')" \
	'does not match the expected API version (v1)'
has "method not allowed" "$(send PUT $cm application/json '{}')" '"code":405'
has "conflict" "$(send PUT $cm/a application/json \
	'{"metadata":{"name":"a","resourceVersion":"1"}}')" 'the object has been modified'
has "merge patch" "$(send PATCH $cm/a application/merge-patch+json '{"data":{"k":"v"}}')" \
	'"data":{"k":"v"}'
has "JSON patch" "$(send PATCH $cm/a application/json-patch+json \
	'[{"op":"add","path":"/data/l","value":"w"}]')" '"data":{"k":"v","l":"w"}'
has "apply creates" "$(send PATCH $cm/b application/apply-patch+yaml \
	$'metadata:\n  name: b\ndata: {k: v}')" '"name":"b"'
has "patch of an unknown type" "$(send PATCH $cm/a text/plain '{}')" '"code":415'
has "dry run answers" "$(send POST "$cm?dryRun=All" application/json \
	'{"metadata":{"name":"dry"}}')" '"name":"dry"'
has "dry run stores nothing" "$(as admin $cm/dry)" '"code":404'
has "status is kept by a plain update" "$(send POST $ns/pods application/json \
	'{"metadata":{"name":"p"},"spec":{"nodeName":"n1","containers":[{"name":"c"}]}}
	' >/dev/null; send PATCH $ns/pods/p application/merge-patch+json \
	'{"status":{"phase":"Running"}}')" '"phase":"Pending"'
has "and written by the subresource" "$(send PATCH $ns/pods/p/status \
	application/strategic-merge-patch+json '{"status":{"phase":"Running"}}')" \
	'"phase":"Running"'
has "uid precondition" "$(send DELETE $cm/b application/json \
	'{"preconditions":{"uid":"x"}}')" 'Precondition failed: UID in precondition: x'
has "delete" "$(as admin $cm/b -X DELETE)" '"status":"Success"'

# Lists.
has "label selector" "$(as admin "$cm?labelSelector=x%3Dy")" '"name":"a"'
hasnt "label selector that does not match" "$(as admin "$cm?labelSelector=x%21%3Dy")" '"name":"a"'
has "field selector" "$(as admin "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1")" '"name":"p"'
hasnt "field selector that does not match" \
	"$(as admin "/api/v1/pods?fieldSelector=spec.nodeName%3Dn2")" '"name":"p"'
has "unknown field" "$(as admin "$cm?fieldSelector=a%3Db")" 'field label not supported: a'
page=$(as admin '/api/v1/namespaces?limit=3')
token=$(printf %s "$page" | sed 's/.*"continue":"\([^"]*\)".*/\1/')
has "a page has its end" "$page" '"remainingItemCount":1'
has "the next page" "$(as admin "/api/v1/namespaces?limit=3&continue=$token")" '"name":"kube-system"'
has "table" "$(as admin $cm -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io')" \
	'"kind":"Table"'
has "protobuf" "$(as admin $cm -H 'Accept: application/vnd.kubernetes.protobuf' |
	tr -d '\0' | head -c 100)" 'ConfigMapList'
has "not acceptable" "$(as admin $cm -H 'Accept: text/html')" '"code": 406'

# Watches.
version=$(as admin $cm | sed 's/.*{"resourceVersion":"\([0-9]*\)".*/\1/')
send PATCH $cm/a application/merge-patch+json '{"metadata":{"labels":{"x":null}}}' >/dev/null
watch=$(as admin "$cm?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=$version")
has "watch goes on after a resource version" "$watch" '{"type":"MODIFIED","object":'
has "watch ends with a bookmark" "$watch" '{"type":"BOOKMARK"'
watch=$(as admin "$cm?watch=1&timeoutSeconds=1&labelSelector=x&resourceVersion=$version")
has "leaving the selection is a deletion" "$watch" '{"type":"DELETED"'
watch=$(as admin "$cm?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
has "initial events" "$watch" '{"type":"ADDED"'
has "their end" "$watch" '"k8s.io/initial-events-end":"true"'
as admin /_test/compact -X POST >/dev/null
has "too old" "$(as admin "$cm?watch=1&resourceVersion=$version")" \
	'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: '

# Faults.
fault() { as admin "/_test/faults?$1" -X POST "${@:2}" >/dev/null; }
fault "mode=error&path=/api/v1/nodes&code=429&retry_after=7"
has "error" "$(as admin /api/v1/nodes -i)" 'Retry-After: 7'
has "only as often as asked for" "$(as admin /api/v1/nodes)" '"kind":"NodeList"'
fault "mode=close&path=/api/v1/nodes"
has "close" "$(as admin /api/v1/nodes)" 'Empty reply'
fault "mode=reset&path=/api/v1/nodes"
has "reset" "$(as admin /api/v1/nodes)" 'reset'
fault "mode=truncate&path=/api/v1/nodes&bytes=10"
has "truncate" "$(as admin /api/v1/nodes)" 'remaining to read'
fault "mode=hang&path=/api/v1/nodes"
has "hang" "$(as admin /api/v1/nodes --max-time 1)" 'timed out'
fault "mode=raw&path=/api/v1/nodes" --data-binary $'HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n'
has "raw" "$(as admin /api/v1/nodes -i)" 'HTTP/1.1 299 Odd'
fault "mode=expired&path=/api/v1/nodes"
has "expired" "$(as admin "/api/v1/nodes?watch=1")" '"code":410'
fault "mode=last&path=/api/v1/nodes"
has "last on its connection" "$(as admin /api/v1/nodes -i)" 'Connection: close'
fault "mode=slow&path=/api/v1/nodes&bytes=30&delay_ms=10"
has "slow" "$(as admin /api/v1/nodes)" '"kind":"NodeList"'
fault "mode=hang&path=/api/v1/nodes&count=-1"
as admin /_test/faults -X DELETE >/dev/null
has "cleared" "$(as admin /api/v1/nodes)" '"kind":"NodeList"'
has "an unknown fault" "$(as admin "/_test/faults?mode=x" -X POST)" '"code":400'

# What arrived.
as admin /_test/seen -X DELETE >/dev/null
as admin "/api/v1/nodes?x=%2f" -H 'X-A: 1' -H 'x-a: 2' >/dev/null
has "the head as it came" "$(as admin /_test/last)" \
	'"target":"/api/v1/nodes?x=%2f","protocol":"HTTP/1.1"'
has "headers in order" "$(as admin /_test/last)" '["X-A","1"],["x-a","2"]'
has "seen" "$(as admin "/_test/seen?prefix=/api")" '{"count":1,"paths":{"GET /api/v1/nodes":1}}'
has "big body" "$(as admin "/_test/stream?bytes=3000000" | wc -c)" 3000000
has "body counted" "$(head -c 300000 /dev/zero | as admin $echo --data-binary @-)" \
	'"bodyBytes":300000'
has "an answer as wanted" "$(as admin "/_test/reply?code=302&header=Location:/x" -i)" 'Location: /x'

# kubectl.
if command -v kubectl >/dev/null; then
	export HOME=$dir
	k() { kubectl --server="$url" --certificate-authority=ca.crt --client-certificate=admin.crt \
		--client-key=admin.key "$@" 2>&1; }
	has "kubectl create" "$(k create ns k)" 'namespace/k created'
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n' >c.yaml
	has "kubectl apply" "$(k -n k apply -f c.yaml)" 'configmap/c created'
	sed -i s/b}/c}/ c.yaml
	has "kubectl apply again" "$(k -n k apply -f c.yaml)" 'configmap/c configured'
	has "kubectl apply unchanged" "$(k -n k apply -f c.yaml)" 'configmap/c unchanged'
	has "kubectl apply --server-side" \
		"$(k -n k apply --server-side --force-conflicts -f c.yaml)" 'serverside-applied'
	has "kubectl dry run" "$(k -n k create cm d --dry-run=server)" 'created (server dry run)'
	has "kubectl label" "$(k -n k label cm c x=y)" 'configmap/c labeled'
	has "kubectl get" "$(k -n k get cm -l x=y)" 'c      1      '
	has "kubectl create clusterrolebinding" \
		"$(k create clusterrolebinding l --clusterrole=cluster-admin --user=u)" 'l created'
	has "kubectl auth can-i" "$(k auth can-i get pods)" yes
	has "kubectl describe" "$(k -n k describe cm c)" 'Name:         c'
	has "kubectl delete" "$(k delete ns k)" 'namespace "k" deleted'
else
	echo "# kubectl is missing"
fi
stop
has "ends on SIGTERM" $ended 0

# Authorization by the project's own RBAC.
start --manifests="$src/tests/data/bootstrap-rbac.yaml" --authorization=rbac
has "forbidden" "$(as jane /api/v1/pods)" \
	'"message":"pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" at the cluster scope","reason":"Forbidden","details":{"kind":"pods"},"code":403'
has "masters may all" "$(as admin /api/v1/pods)" '"kind":"PodList"'
has "discovery for all" "$(as jane /api)" APIVersions
send POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings application/json \
	'{"metadata":{"name":"j"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"jane","apiGroup":"rbac.authorization.k8s.io"}]}' >/dev/null
has "a binding counts at once" "$(as jane /api/v1/pods)" '"kind":"PodList"'
has "rules of a subject" "$(as jane /apis/authorization.k8s.io/v1/selfsubjectrulesreviews -d '{}' \
	-H 'Content-Type: application/json')" '"apiGroups":["apps"]'
as admin /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/j -X DELETE >/dev/null
has "and no more once deleted" "$(as jane /api/v1/pods)" '"code":403'
has "nodes are nobody to RBAC" "$(as n001 /api/v1/nodes/n001)" '"code":403'
stop
has "ends" $ended 0

# And by the Node authorizer.
start --manifests="$src/tests/data/bootstrap-rbac.yaml" --authorization=node,rbac
secret=/api/v1/namespaces/default/secrets/s
send POST /api/v1/namespaces/default/secrets application/json '{"metadata":{"name":"s"}}' >/dev/null
has "its own node" "$(as n001 /api/v1/nodes/n001)" '"code":404'
has "a secret no pod uses" "$(as n001 $secret)" \
	"no relationship found between node 'n001' and this object"
send POST /api/v1/namespaces/default/pods application/json \
	'{"metadata":{"name":"p"},"spec":{"nodeName":"n001","containers":[],"volumes":[{"name":"v","secret":{"secretName":"s"}}]}}' >/dev/null
has "a pod's secret" "$(as n001 $secret)" '"kind":"Secret"'
as admin "/api/v1/namespaces/default/pods/p?gracePeriodSeconds=0" -X DELETE >/dev/null
has "and no more without the pod" "$(as n001 $secret)" '"code":403'
has "others are RBAC's" "$(as jane /api/v1/pods)" '"code":403'
stop
has "ends too" $ended 0
[ -s server.log ] && sed 's/^/# /' server.log
echo "1..$count"
exit $((failed > 0))
