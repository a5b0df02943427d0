/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the field numbers that readers use: FIELD(id, number, message, JSON member).
 * tests/test_schema.c compares each line with the schema tables.
 */
#ifndef CODEC_FIELDS_H
#define CODEC_FIELDS_H

#define CODEC_FIELDS(FIELD) \
	FIELD(OBJECTMETA_NAME, 1, "meta.v1.ObjectMeta", "name") \
	FIELD(OBJECTMETA_GENERATE_NAME, 2, "meta.v1.ObjectMeta", "generateName") \
	FIELD(OBJECTMETA_NAMESPACE, 3, "meta.v1.ObjectMeta", "namespace") \
	FIELD(OBJECTMETA_UID, 5, "meta.v1.ObjectMeta", "uid") \
	FIELD(OBJECTMETA_RESOURCE_VERSION, 6, "meta.v1.ObjectMeta", "resourceVersion") \
	FIELD(OBJECTMETA_DELETION_TIMESTAMP, 9, "meta.v1.ObjectMeta", "deletionTimestamp") \
	FIELD(OBJECTMETA_LABELS, 11, "meta.v1.ObjectMeta", "labels") \
	FIELD(OBJECTMETA_ANNOTATIONS, 12, "meta.v1.ObjectMeta", "annotations") \
	FIELD(OBJECTMETA_OWNER_REFERENCES, 13, "meta.v1.ObjectMeta", "ownerReferences") \
	FIELD(LISTMETA_RESOURCE_VERSION, 2, "meta.v1.ListMeta", "resourceVersion") \
	FIELD(LISTMETA_CONTINUE, 3, "meta.v1.ListMeta", "continue") \
	FIELD(LABELSELECTOR_MATCH_LABELS, 1, "meta.v1.LabelSelector", "matchLabels") \
	FIELD(LABELSELECTOR_MATCH_EXPRESSIONS, 2, "meta.v1.LabelSelector", "matchExpressions") \
	FIELD(LABELSELECTORREQUIREMENT_KEY, 1, "meta.v1.LabelSelectorRequirement", "key") \
	FIELD(LABELSELECTORREQUIREMENT_OPERATOR, 2, "meta.v1.LabelSelectorRequirement", \
	      "operator") \
	FIELD(LABELSELECTORREQUIREMENT_VALUES, 3, "meta.v1.LabelSelectorRequirement", "values") \
	FIELD(STATUS_STATUS, 2, "meta.v1.Status", "status") \
	FIELD(STATUS_MESSAGE, 3, "meta.v1.Status", "message") \
	FIELD(STATUS_REASON, 4, "meta.v1.Status", "reason") \
	FIELD(STATUS_CODE, 6, "meta.v1.Status", "code") \
	FIELD(TYPEMETA_API_VERSION, 1, "runtime.TypeMeta", "apiVersion") \
	FIELD(TYPEMETA_KIND, 2, "runtime.TypeMeta", "kind") \
	FIELD(UNKNOWN_TYPE_META, 1, "runtime.Unknown", "typeMeta") \
	FIELD(UNKNOWN_RAW, 2, "runtime.Unknown", "raw") \
	FIELD(RAWEXTENSION_RAW, 1, "runtime.RawExtension", "raw") \
	FIELD(WATCHEVENT_TYPE, 1, "meta.v1.WatchEvent", "type") \
	FIELD(WATCHEVENT_OBJECT, 2, "meta.v1.WatchEvent", "object") \
	FIELD(ROLE_METADATA, 1, "rbac.v1.Role", "metadata") \
	FIELD(ROLE_RULES, 2, "rbac.v1.Role", "rules") \
	FIELD(CLUSTERROLE_METADATA, 1, "rbac.v1.ClusterRole", "metadata") \
	FIELD(CLUSTERROLE_RULES, 2, "rbac.v1.ClusterRole", "rules") \
	FIELD(CLUSTERROLE_AGGREGATION_RULE, 3, "rbac.v1.ClusterRole", "aggregationRule") \
	FIELD(ROLEBINDING_METADATA, 1, "rbac.v1.RoleBinding", "metadata") \
	FIELD(ROLEBINDING_SUBJECTS, 2, "rbac.v1.RoleBinding", "subjects") \
	FIELD(ROLEBINDING_ROLE_REF, 3, "rbac.v1.RoleBinding", "roleRef") \
	FIELD(CLUSTERROLEBINDING_METADATA, 1, "rbac.v1.ClusterRoleBinding", "metadata") \
	FIELD(CLUSTERROLEBINDING_SUBJECTS, 2, "rbac.v1.ClusterRoleBinding", "subjects") \
	FIELD(CLUSTERROLEBINDING_ROLE_REF, 3, "rbac.v1.ClusterRoleBinding", "roleRef") \
	FIELD(POLICYRULE_VERBS, 1, "rbac.v1.PolicyRule", "verbs") \
	FIELD(POLICYRULE_API_GROUPS, 2, "rbac.v1.PolicyRule", "apiGroups") \
	FIELD(POLICYRULE_RESOURCES, 3, "rbac.v1.PolicyRule", "resources") \
	FIELD(POLICYRULE_RESOURCE_NAMES, 4, "rbac.v1.PolicyRule", "resourceNames") \
	FIELD(POLICYRULE_NON_RESOURCE_URLS, 5, "rbac.v1.PolicyRule", "nonResourceURLs") \
	FIELD(SUBJECT_KIND, 1, "rbac.v1.Subject", "kind") \
	FIELD(SUBJECT_API_GROUP, 2, "rbac.v1.Subject", "apiGroup") \
	FIELD(SUBJECT_NAME, 3, "rbac.v1.Subject", "name") \
	FIELD(SUBJECT_NAMESPACE, 4, "rbac.v1.Subject", "namespace") \
	FIELD(ROLEREF_API_GROUP, 1, "rbac.v1.RoleRef", "apiGroup") \
	FIELD(ROLEREF_KIND, 2, "rbac.v1.RoleRef", "kind") \
	FIELD(ROLEREF_NAME, 3, "rbac.v1.RoleRef", "name") \
	FIELD(AGGREGATIONRULE_SELECTORS, 1, "rbac.v1.AggregationRule", "clusterRoleSelectors") \
	FIELD(SELFSUBJECTREVIEW_STATUS, 2, "authentication.v1.SelfSubjectReview", "status") \
	FIELD(SELFSUBJECTREVIEWSTATUS_USER_INFO, 1, "authentication.v1.SelfSubjectReviewStatus", \
	      "userInfo") \
	FIELD(USERINFO_USERNAME, 1, "authentication.v1.UserInfo", "username") \
	FIELD(USERINFO_UID, 2, "authentication.v1.UserInfo", "uid") \
	FIELD(USERINFO_GROUPS, 3, "authentication.v1.UserInfo", "groups") \
	FIELD(USERINFO_EXTRA, 4, "authentication.v1.UserInfo", "extra") \
	FIELD(EXTRAVALUE_ITEMS, 1, "authentication.v1.ExtraValue", "items")

enum codec_field {
#define FIELD(id, number, message, member) id = (number),
	CODEC_FIELDS(FIELD)
#undef FIELD
	/* Every <Kind>List: not in the tables, since its items carry no type. */
	LIST_METADATA = 1,
	LIST_ITEMS = 2,
};

#endif
