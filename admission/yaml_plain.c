/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, not events: libyaml's parser compares each directive with all before it, and its scanner
 * looks at every open bracket for each token, so both are bounded before either takes its time.
 */
#include "config.h"

#include "admission/yaml_plain.h"

#include <yaml.h>

#include "codec/json.h"

/* "a: b" has four.  What is left is read three times, 0.1 s in all; no kubelet sends YAML. */
#define TOKENS_MAX 60000

struct scan {
	size_t tokens, depth;
	bool has_begun;		/* the first document */
	bool is_over;
};

static const char *check_depth(struct scan *s, bool opens)
{
	s->has_begun = true;
	if (opens)
		s->depth++;
	else if (s->depth)
		s->depth--;
	return s->depth > JSON_DEPTH_MAX ? "nested too deep" : NULL;
}

static const char *check_scalar(struct scan *s, const yaml_token_t *t)
{
	s->has_begun = true;
	return t->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && t->data.scalar.length == 2 &&
	       !memcmp(t->data.scalar.value, "<<", 2) ? "merge keys are not accepted" : NULL;
}

/* What is wrong with it, or NULL. */
static const char *check_token(struct scan *s, const yaml_token_t *t)
{
	if (++s->tokens > TOKENS_MAX)
		return "too many nodes";
	switch ((int)t->type) {
	case YAML_VERSION_DIRECTIVE_TOKEN:
	case YAML_TAG_DIRECTIVE_TOKEN:
		return "directives are not accepted";
	case YAML_ALIAS_TOKEN:
		return "aliases are not accepted";
	case YAML_ANCHOR_TOKEN:
		return "anchors are not accepted";
	case YAML_TAG_TOKEN:
		return "tags are not accepted";
	case YAML_SCALAR_TOKEN:
		return check_scalar(s, t);
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
	case YAML_BLOCK_MAPPING_START_TOKEN:
	case YAML_FLOW_SEQUENCE_START_TOKEN:
	case YAML_FLOW_MAPPING_START_TOKEN:
		return check_depth(s, true);
	case YAML_BLOCK_END_TOKEN:
	case YAML_FLOW_SEQUENCE_END_TOKEN:
	case YAML_FLOW_MAPPING_END_TOKEN:
		return check_depth(s, false);
	case YAML_DOCUMENT_START_TOKEN:
		s->is_over = s->has_begun;
		s->has_begun = true;
		break;
	case YAML_DOCUMENT_END_TOKEN:
	case YAML_STREAM_END_TOKEN:
		s->is_over = true;
		break;
	}
	return NULL;
}

bool yaml_is_plain(struct str text, const char **why)
{
	struct scan s = { .depth = 0 };
	yaml_parser_t parser;

	*why = NULL;
	if (!yaml_parser_initialize(&parser))
		return true;
	/* libyaml aborts on a null pointer, which an empty body is. */
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""),
				     text.n);
	while (!*why && !s.is_over) {
		yaml_token_t t;

		if (!yaml_parser_scan(&parser, &t))
			break;
		*why = check_token(&s, &t);
		yaml_token_delete(&t);
	}
	yaml_parser_delete(&parser);
	return !*why;
}
