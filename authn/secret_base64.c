/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/secret_base64.h"

#include "base/err.h"

static int digit(char c, enum base64_form form)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (form == BASE64_STANDARD ? '+' : '-'))
		return 62;
	if (c == (form == BASE64_STANDARD ? '/' : '_'))
		return 63;
	return -1;
}

/* Takes the padding off; false when there is too much or too little. */
static bool strip_padding(struct str *text)
{
	if (text->n % 4)
		return false;
	for (int i = 0; i < 2 && text->n && text->p[text->n - 1] == '='; i++)
		text->n--;
	return true;
}

int secret_base64_decode(struct str text, enum base64_form form, struct strbuf *out)
{
	uint32_t bits = 0;
	int count = 0;

	if (form == BASE64_STANDARD && !strip_padding(&text))
		return ERR_SYNTAX;
	if (text.n % 4 == 1)
		return ERR_SYNTAX;
	strbuf_reserve(out, text.n / 4 * 3 + 2);
	for (size_t i = 0; i < text.n; i++) {
		int value = digit(text.p[i], form);

		if (value < 0)
			return ERR_SYNTAX;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		strbuf_add_char(out, (char)(bits >> count));
	}
	return 0;
}
