/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV records and token files.  What was read, written back with every field quoted, must read as
 * the same records.
 */
#include "config.h"

#include "authn/csv.h"
#include "authn/token_file.h"
#include "base/check.h"
#include "base/err.h"
#include "obs/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_field(struct strbuf *out, struct str field)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] == '"')
			strbuf_add_char(out, '"');
		strbuf_add_char(out, field.p[i]);
	}
	strbuf_add_char(out, '"');
}

/* All readable records in one form; the number of them. */
static size_t rewrite(struct str text, struct strbuf *out)
{
	struct csv_reader r;
	struct csv_record rec;
	size_t n = 0;
	int err;

	csv_reader_init(&r, text);
	while (!(err = csv_read(&r, &rec))) {
		CHECK(rec.field_count > 0 && rec.line > 0);
		for (size_t i = 0; i < rec.field_count; i++) {
			if (i)
				strbuf_add_char(out, ',');
			write_field(out, rec.fields[i]);
		}
		strbuf_add_char(out, '\n');
		n++;
	}
	CHECK(err == ERR_NOT_FOUND || (err == ERR_SYNTAX && r.error[0]));
	csv_reader_fini(&r);
	return n;
}

/* A CR before a line break inside a field does not survive: fields with CR are left out. */
static void check_round_trip(struct str text)
{
	struct strbuf once = STRBUF_INIT, twice = STRBUF_INIT;
	size_t n = rewrite(text, &once);

	if (str_find(text, '\r', 0) < 0) {
		CHECK(rewrite(strbuf_str(&once), &twice) == n);
		CHECK(str_eq(strbuf_str(&once), strbuf_str(&twice)));
	}
	strbuf_fini(&once);
	strbuf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	struct problems p = PROBLEMS_INIT;
	static FILE *nowhere;

	if (!nowhere) {
		nowhere = fopen("/dev/null", "w");
		log_set_file(nowhere);
	}
	check_round_trip(text);
	token_file_free(token_file_parse("tokens", text, &p));
	problems_fini(&p);
	return 0;
}
