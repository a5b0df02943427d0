/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/yaml_plain.h"

#include <yaml.h>

static bool scalar_is_plain(const yaml_event_t *e, const char **why)
{
	*why = NULL;
	if (e->data.scalar.anchor)
		*why = "anchors are not accepted";
	else if (e->data.scalar.tag)
		*why = "tags are not accepted";
	else if (e->data.scalar.plain_implicit && e->data.scalar.length == 2 &&
		 !memcmp(e->data.scalar.value, "<<", 2))
		*why = "merge keys are not accepted";
	return !*why;
}

static bool start_is_plain(const yaml_char_t *anchor, const yaml_char_t *tag, const char **why)
{
	*why = anchor ? "anchors are not accepted" : tag ? "tags are not accepted" : NULL;
	return !*why;
}

static bool event_is_plain(const yaml_event_t *e, const char **why)
{
	if (e->type == YAML_ALIAS_EVENT)
		*why = "aliases are not accepted";
	else if (e->type == YAML_SCALAR_EVENT)
		return scalar_is_plain(e, why);
	else if (e->type == YAML_SEQUENCE_START_EVENT)
		return start_is_plain(e->data.sequence_start.anchor, e->data.sequence_start.tag,
				      why);
	else if (e->type == YAML_MAPPING_START_EVENT)
		return start_is_plain(e->data.mapping_start.anchor, e->data.mapping_start.tag,
				      why);
	return e->type != YAML_ALIAS_EVENT;
}

bool yaml_is_plain(struct str text, const char **why)
{
	yaml_parser_t parser;
	bool is_plain = true, is_over = false;

	if (!yaml_parser_initialize(&parser))
		return true;
	/* libyaml aborts on a null pointer, which an empty body is. */
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""),
				     text.n);
	while (is_plain && !is_over) {
		yaml_event_t e;

		if (!yaml_parser_parse(&parser, &e))
			break;
		is_plain = event_is_plain(&e, why);
		is_over = e.type == YAML_DOCUMENT_END_EVENT || e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return is_plain;
}
