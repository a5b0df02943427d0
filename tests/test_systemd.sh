#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TAP: the systemd unit is well formed, and its sandbox keeps the exposure at or under 2.0.
unit=${TEST_BUILD:-.}/systemd/kube-authproxy.service
if ! systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
	echo "1..0 # SKIP systemd-analyze is not here"
	exit 0
fi
echo 1..2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$unit" "$work/"
if out=$(systemd-analyze security --offline=true --threshold=20 "$work/kube-authproxy.service" 2>&1); then
	echo "ok 1 - exposure at or under 2.0"
else
	echo "$out" | tail -n 1 | sed 's/^/# /'
	echo "not ok 1 - exposure at or under 2.0"
fi
# Programs and manual pages of this unit are not installed where the tests run.
if out=$(systemd-analyze verify "$work/kube-authproxy.service" 2>&1 |
	grep -v -e 'is not executable' -e "Command 'man " | grep kube-authproxy.service); then
	echo "$out" | sed 's/^/# /'
	echo "not ok 2 - well formed"
else
	echo "ok 2 - well formed"
fi
