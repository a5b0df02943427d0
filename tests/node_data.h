/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the JSON vectors for the Node graph, by the sources that the proxy reads. */
#ifndef TESTS_NODE_DATA_H
#define TESTS_NODE_DATA_H

#include "authz/node_graph.h"
#include "tests/policy.h"

/* Where objects of that message go; false: no part of the graph. */
bool node_data_source(const struct schema_message *m, enum node_source *source);
/* Applies the sets that a case names in `objects`, in order, each kind as a complete list. */
void node_data_apply_sets(struct node_graph *g, json_t *fixtures, json_t *names);

#endif
