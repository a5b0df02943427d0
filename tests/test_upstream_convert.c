/* SPDX-License-Identifier: Apache-2.0 */
/* The test API server's converter, against the byte-exact encodings of the wire vectors. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/upstream/convert.h"

static struct str hex_bytes(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", &out[i]);
	return str_make((char *)out, n);
}

/* Every encoding of the vectors comes out byte for byte. */
static void test_encodings(void)
{
	json_t *vectors = json_load_file(tap_data("protobuf.json"), JSON_ALLOW_NUL, NULL), *one;
	size_t i;

	int_is(json_array_size(json_object_get(vectors, "encode")), 6);
	json_array_foreach(json_object_get(vectors, "encode"), i, one) {
		const char *hex = json_string_value(json_object_get(one, "hex"));
		unsigned char *bytes = xmalloc(strlen(hex));
		struct strbuf got = STRBUF_INIT;

		tap_row(json_string_value(json_object_get(one, "name")));
		convert_to_protobuf(&got, json_object_get(one, "object"));
		str_is(strbuf_str(&got), hex_bytes(hex, bytes));
		strbuf_fini(&got);
		free(bytes);
	}
	tap_row(NULL);
	json_decref(vectors);
}

/* What has a value comes back from protobuf as it went in. */
static void round_trip(const char *text)
{
	json_t *value = json_loads(text, 0, NULL), *back = NULL;
	struct strbuf bytes = STRBUF_INIT;

	ok(value != NULL);
	convert_to_protobuf(&bytes, value);
	int_is(convert_from_protobuf(strbuf_str(&bytes), &back), 0);
	if (!tap_ok(json_equal(value, back), text, __FILE__, __LINE__)) {
		char *got = json_dumps(back, JSON_COMPACT);

		tap_note("%s", got);
		free(got);
	}
	json_decref(value);
	json_decref(back);
	strbuf_fini(&bytes);
}

static void test_round_trips(void)
{
	round_trip("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
		   "\"data\":{\"a\":\"AAH/\",\"b\":\"\"},\"type\":\"Opaque\"}");
	round_trip("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},"
		   "\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":\"web\"},"
		   "{\"port\":81,\"targetPort\":8081}]}}");
	round_trip("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		   "\"creationTimestamp\":\"2026-01-02T03:04:05Z\"},\"spec\":{\"volumes\":"
		   "[{\"name\":\"v\",\"emptyDir\":{}},{\"name\":\"c\",\"configMap\":"
		   "{\"name\":\"m\"}}],\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":"
		   "{\"cpu\":\"100m\"}},\"livenessProbe\":{\"httpGet\":{\"port\":80}}}],"
		   "\"terminationGracePeriodSeconds\":0}}");
	round_trip("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":"
		   "{\"name\":\"l\"},\"spec\":{\"renewTime\":\"2026-01-02T03:04:05.600006Z\"}}");
	round_trip("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\","
		   "\"status\":{\"userInfo\":{\"username\":\"u\",\"groups\":[\"a\",\"\"],"
		   "\"extra\":{\"k\":[\"v\",\"\"]}}}}");
}

/* A watch frame: four bytes of length, big end first, then the event without an envelope. */
static void test_watch_frame(void)
{
	json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Secret",
				   "metadata", "name", "s");
	struct strbuf frame = STRBUF_INIT;

	convert_watch_frame(&frame, "ADDED", object);
	int_is(((unsigned char)frame.p[2] << 8 | (unsigned char)frame.p[3]) + 4, frame.n);
	str_is(str_make(frame.p, 2), str_make("\0\0", 2));
	str_is(str_make(frame.p + 4, 7), STR("\x0a\x05" "ADDED"));
	ok(str_find_str(strbuf_str(&frame), str_make("k8s\0", 4)) > 0);
	json_decref(object);
	strbuf_fini(&frame);
}

static void test_unknown_kind(void)
{
	json_t *value = json_pack("{s:s, s:s}", "apiVersion", "apps/v1", "kind", "Deployment");
	json_t *back = NULL;

	ok(!convert_has_protobuf(value));
	int_is(convert_from_protobuf(str_make("k8s\0\x0a\x09\x0a\x02v1\x12\x03Xyz", 15), &back),
	       ERR_UNSUPPORTED);
	ok(convert_from_protobuf(STR("{}"), &back) < 0);
	json_decref(value);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_encodings), TAP(test_round_trips), TAP(test_watch_frame),
		TAP(test_unknown_kind), TAP_END,
	};

	return tap_main(tests);
}
