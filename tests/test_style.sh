#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TAP: lengths and the direction of includes, over every C file of the source tree but the tables
# that are generated into it.
cd "${TEST_SRC:-.}" || exit 99
echo 1..1
files=$(find base net codec http obs conf cache authn authz admission proxy tests fuzz bench \
	-name '*.[ch]' -not -path 'tests/apiserver/*' -not -name schema_tables.c | sort)
# shellcheck disable=SC2086
if out=$(build-aux/lint $files); then
	echo "ok 1 - style"
else
	echo "$out" | sed 's/^/# /'
	echo "not ok 1 - style"
fi
