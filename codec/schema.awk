# SPDX-License-Identifier: Apache-2.0
# Makes codec/schema_tables.c of codec/schema.json (one entry or field per line, see its "about").
# tests/test_schema.c reads the same file as JSON and compares, so a line misread here is found.
# Run with LC_ALL=C: the tables are in the order of bytes.

BEGIN {
	FS = "\""
	scalar["string"] = "SCHEMA_STRING"; scalar["bytes"] = "SCHEMA_BYTES"
	scalar["bool"] = "SCHEMA_BOOL"; scalar["double"] = "SCHEMA_DOUBLE"
	scalar["int32"] = "SCHEMA_INT32"; scalar["int64"] = "SCHEMA_INT64"
	special["time"] = "SCHEMA_TIME"; special["microtime"] = "SCHEMA_MICROTIME"
	special["json"] = "SCHEMA_JSON"; special["quantity"] = "SCHEMA_QUANTITY"
	special["intOrString"] = "SCHEMA_INT_OR_STRING"; special["stringList"] = "SCHEMA_STRING_LIST"
}

/^ "[a-z]+": [[{]/ { section = $2; next }
section == "kinds" && /^  "/ { kinds[++n_kinds] = $2; kind_message[$2] = $4; next }
section == "special" && /^  "/ { is_special[$2] = $4; next }
section == "messages" && /^  "[^"]+": \[/ { messages[++n] = $2; count[n] = 0; next }
section == "messages" && /^   \[/ {
	number[n, count[n]] = $1
	gsub(/[^0-9]/, "", number[n, count[n]])
	name[n, count[n]] = $2
	type[n, count[n]] = $4
	flags[n, count[n]] = $6
	count[n]++
}

function die(text) {
	print "codec/schema.json: " text > "/dev/stderr"
	failed = 1
	exit 1
}

# Sorts v[1..n] in place (insertion: the file is sorted already, or nearly).
function sort(v, n,    i, j, x) {
	for (i = 2; i <= n; i++) {
		x = v[i] ""
		for (j = i - 1; j >= 1 && (v[j] "") > x; j--)
			v[j + 1] = v[j]
		v[j + 1] = x
	}
}

function message_ref(t) {
	if (!(t in at))
		die("unknown type " t)
	return "&schema_messages[" at[t] "]"
}

# "type, map_value, message" of a field.
function type_text(t,    value) {
	if (t in scalar)
		return scalar[t] ", 0, NULL"
	if (t !~ /^map<string,.*>$/)
		return "SCHEMA_MESSAGE, 0, " message_ref(t)
	value = substr(t, 12, length(t) - 12)
	if (value in scalar)
		return "SCHEMA_MAP, " scalar[value] ", NULL"
	return "SCHEMA_MAP, SCHEMA_MESSAGE, " message_ref(value)
}

function truth(text, letter) {
	return index(text, letter) ? "true" : "false"
}

function print_message(m,    i, j, k, order, names) {
	printf "\n/* %s */\nstatic const struct schema_field fields_%d[] = {\n", messages[m], m
	for (i = 0; i < count[m]; i++) {
		if (i && number[m, i] + 0 <= number[m, i - 1] + 0)
			die("numbers of " messages[m] " do not ascend")
		printf "\t{ %d, \"%s\", %s, %s, %s, %s },\n", number[m, i], name[m, i],
			type_text(type[m, i]), truth(flags[m, i], "r"), truth(flags[m, i], "i"),
			truth(flags[m, i], "p")
		names[i + 1] = name[m, i]
		order[name[m, i]] = i
	}
	sort(names, count[m])
	printf "};\nstatic const uint16_t names_%d[] = {", m
	for (k = 1; k <= count[m]; k++)
		printf " %d,", order[names[k]]
	print " };"
}

END {
	if (failed)
		exit 1
	if (!n || !n_kinds)
		die("nothing was read")
	for (m = 1; m <= n; m++) {
		at[messages[m]] = m - 1
		if (!count[m] || (m > 1 && (messages[m] "") <= (messages[m - 1] "")))
			die("messages must have fields and ascend by name: " messages[m])
	}
	print "/* Made by codec/schema.awk of codec/schema.json: change that file. */"
	print "#include \"config.h\"\n\n#include \"codec/schema_tables.h\""
	for (m = 1; m <= n; m++)
		print_message(m)
	print "\nconst struct schema_message schema_messages[] = {"
	for (m = 1; m <= n; m++)
		printf "\t{ \"%s\", %s, fields_%d, %d, names_%d },\n", messages[m],
			messages[m] in is_special ? special[is_special[messages[m]]] : "SCHEMA_PLAIN",
			m, count[m], m
	printf "};\nconst size_t schema_message_count = %d;\n\n", n
	sort(kinds, n_kinds)
	print "const struct schema_kind schema_kinds[] = {"
	for (k = 1; k <= n_kinds; k++)
		printf "\t{ \"%s\", %s },\n", kinds[k], message_ref(kind_message[kinds[k]])
	printf "};\nconst size_t schema_kind_count = %d;\n", n_kinds
}
