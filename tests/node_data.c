/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/node_data.h"

#include "proxy/cluster_sources.h"
#include "tests/tap.h"

bool node_data_source(const struct schema_message *m, enum node_source *source)
{
	const struct cluster_source *row = cluster_source_find(m);

	if (!row || row->mode != MODE_NODE)
		return false;
	*source = (enum node_source)row->kind;
	return true;
}

static void apply_set(struct node_graph *g, json_t *set)
{
	for (size_t i = 0; i < json_array_size(set); i++) {
		json_t *object = json_array_get(set, i);
		const struct schema_message *m = schema_kind_find(
			policy_text(object, "apiVersion"), policy_text(object, "kind"));
		struct object_cursor c;
		enum node_source source;

		if (!node_data_source(m, &source))
			continue;
		object_cursor_json(&c, m, object);
		int_is(node_graph_apply(g, source, &c), 0);
	}
}

void node_data_apply_sets(struct node_graph *g, json_t *fixtures, json_t *names)
{
	for (int s = 0; s < NODE_SOURCES; s++)
		node_graph_relist_begin(g, (enum node_source)s);
	for (size_t i = 0; i < json_array_size(names); i++)
		apply_set(g, json_object_get(fixtures,
					     json_string_value(json_array_get(names, i))));
	for (int s = 0; s < NODE_SOURCES; s++)
		node_graph_relist_commit(g, (enum node_source)s);
}
