/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV in the dialect of Go's encoding/csv, as token and password files use it (spec 02 section 5):
 * comma, `"` quoting with `""` for a quote, quoted fields over several lines, CRLF read as LF,
 * completely empty lines skipped, no comments, no trimming, records of any length.
 * Records hold secrets: their memory is wiped.
 */
#ifndef AUTHN_CSV_H
#define AUTHN_CSV_H

#include "base/str.h"
#include "base/strbuf.h"

#define CSV_ERROR_MAX 160

struct csv_reader {
	struct str text;	/* borrowed */
	size_t at;		/* bytes read */
	int line;		/* lines read */
	struct strbuf record;	/* the current record's fields, one behind the other */
	size_t *ends;		/* owned: where each field ends in record */
	struct str *fields;	/* owned */
	size_t field_count;
	size_t field_cap;
	char error[CSV_ERROR_MAX];	/* Go's text, after ERR_SYNTAX */
};

struct csv_record {
	const struct str *fields;	/* valid until the next csv_read */
	size_t field_count;		/* at least 1 */
	int line;			/* where the record starts, from 1 */
};

void csv_reader_init(struct csv_reader *r, struct str text);
void csv_reader_fini(struct csv_reader *r);
/* The next record; ERR_NOT_FOUND at the end, ERR_SYNTAX with r->error (out->line is set). */
int csv_read(struct csv_reader *r, struct csv_record *out);

#endif
