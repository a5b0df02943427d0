#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every option of the table is in --help and in the man page.
set -u
build=${TEST_BUILD:-.}
names=$("$build/conf/options-doc" --names) || exit 99
help=$("$build/conf/options-doc" --help) || exit 99
# In roff a hyphen is \-, and Fl puts one more in front.
man=$(sed 's/\\-/-/g' "$build/docs/kube-authproxy.8") || exit 99

help_words=$(printf '%s\n' "$help" | tr -s ' =,' '\n\n\n')
man_options=$(printf '%s\n' "$man" | sed -n 's/.*Fl -\([a-z0-9][a-z0-9-]*\).*/\1/p')

echo "1..$(($(printf '%s\n' "$names" | wc -l) + 2))"
count=0
report() {
	count=$((count + 1))
	echo "$1 $count - $2"
}
for name in $names; do
	missing=
	printf '%s\n' "$help_words" | grep -qxe "--$name" || missing="--help"
	printf '%s\n' "$man_options" | grep -qxe "$name" || missing="$missing the man page"
	if [ -z "$missing" ]; then
		report ok "--$name"
	else
		report 'not ok' "--$name"
		echo "# missing in $missing"
	fi
done
if printf '%s\n' "$man" | grep -q '@[A-Z]*@'; then
	report 'not ok' 'the man page is complete'
else
	report ok 'the man page is complete'
fi
if command -v mandoc >/dev/null; then
	complaints=$(mandoc -T lint -W warning "$build/docs/kube-authproxy.8")
	if [ -z "$complaints" ]; then
		report ok 'mandoc finds nothing wrong with the man page'
	else
		report 'not ok' 'mandoc finds nothing wrong with the man page'
		printf '%s\n' "$complaints" | sed 's/^/# /'
	fi
else
	report ok 'mandoc finds nothing wrong with the man page # SKIP no mandoc'
fi
