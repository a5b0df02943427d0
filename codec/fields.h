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
	FIELD(EXTRAVALUE_ITEMS, 1, "authentication.v1.ExtraValue", "items") \
	FIELD(POD_METADATA, 1, "core.v1.Pod", "metadata") \
	FIELD(POD_SPEC, 2, "core.v1.Pod", "spec") \
	FIELD(POD_STATUS, 3, "core.v1.Pod", "status") \
	FIELD(PODSPEC_VOLUMES, 1, "core.v1.PodSpec", "volumes") \
	FIELD(PODSPEC_CONTAINERS, 2, "core.v1.PodSpec", "containers") \
	FIELD(PODSPEC_SERVICE_ACCOUNT_NAME, 8, "core.v1.PodSpec", "serviceAccountName") \
	FIELD(PODSPEC_NODE_NAME, 10, "core.v1.PodSpec", "nodeName") \
	FIELD(PODSPEC_IMAGE_PULL_SECRETS, 15, "core.v1.PodSpec", "imagePullSecrets") \
	FIELD(PODSPEC_INIT_CONTAINERS, 20, "core.v1.PodSpec", "initContainers") \
	FIELD(PODSPEC_EPHEMERAL_CONTAINERS, 34, "core.v1.PodSpec", "ephemeralContainers") \
	FIELD(PODSPEC_RESOURCE_CLAIMS, 39, "core.v1.PodSpec", "resourceClaims") \
	FIELD(PODSTATUS_RESOURCE_CLAIM_STATUSES, 15, "core.v1.PodStatus", "resourceClaimStatuses") \
	FIELD(PODSTATUS_EXTENDED_RESOURCE_CLAIM_STATUS, 18, "core.v1.PodStatus", \
	      "extendedResourceClaimStatus") \
	FIELD(PODRESOURCECLAIM_NAME, 1, "core.v1.PodResourceClaim", "name") \
	FIELD(PODRESOURCECLAIM_CLAIM_NAME, 3, "core.v1.PodResourceClaim", "resourceClaimName") \
	FIELD(PODRESOURCECLAIM_TEMPLATE_NAME, 4, "core.v1.PodResourceClaim", \
	      "resourceClaimTemplateName") \
	FIELD(PODRESOURCECLAIMSTATUS_NAME, 1, "core.v1.PodResourceClaimStatus", "name") \
	FIELD(PODRESOURCECLAIMSTATUS_CLAIM_NAME, 2, "core.v1.PodResourceClaimStatus", \
	      "resourceClaimName") \
	FIELD(PODEXTENDEDCLAIMSTATUS_NAME, 2, "core.v1.PodExtendedResourceClaimStatus", \
	      "resourceClaimName") \
	FIELD(CONTAINER_ENV, 7, "core.v1.Container", "env") \
	FIELD(CONTAINER_ENV_FROM, 19, "core.v1.Container", "envFrom") \
	FIELD(EPHEMERALCONTAINER_COMMON, 1, "core.v1.EphemeralContainer", \
	      "ephemeralContainerCommon") \
	FIELD(ENVVAR_VALUE_FROM, 3, "core.v1.EnvVar", "valueFrom") \
	FIELD(ENVVARSOURCE_CONFIG_MAP_KEY_REF, 3, "core.v1.EnvVarSource", "configMapKeyRef") \
	FIELD(ENVVARSOURCE_SECRET_KEY_REF, 4, "core.v1.EnvVarSource", "secretKeyRef") \
	FIELD(ENVFROMSOURCE_CONFIG_MAP_REF, 2, "core.v1.EnvFromSource", "configMapRef") \
	FIELD(ENVFROMSOURCE_SECRET_REF, 3, "core.v1.EnvFromSource", "secretRef") \
	FIELD(LOCALOBJECTREFERENCE_NAME, 1, "core.v1.LocalObjectReference", "name") \
	FIELD(SECRETREFERENCE_NAME, 1, "core.v1.SecretReference", "name") \
	FIELD(SECRETREFERENCE_NAMESPACE, 2, "core.v1.SecretReference", "namespace") \
	FIELD(OBJECTREFERENCE_NAME, 3, "core.v1.ObjectReference", "name") \
	FIELD(OBJECTREFERENCE_NAMESPACE, 2, "core.v1.ObjectReference", "namespace") \
	FIELD(VOLUME_NAME, 1, "core.v1.Volume", "name") \
	FIELD(VOLUME_SOURCE, 2, "core.v1.Volume", "volumeSource") \
	FIELD(VOLUMESOURCE_SECRET, 6, "core.v1.VolumeSource", "secret") \
	FIELD(VOLUMESOURCE_ISCSI, 8, "core.v1.VolumeSource", "iscsi") \
	FIELD(VOLUMESOURCE_CLAIM, 10, "core.v1.VolumeSource", "persistentVolumeClaim") \
	FIELD(VOLUMESOURCE_RBD, 11, "core.v1.VolumeSource", "rbd") \
	FIELD(VOLUMESOURCE_FLEX_VOLUME, 12, "core.v1.VolumeSource", "flexVolume") \
	FIELD(VOLUMESOURCE_CINDER, 13, "core.v1.VolumeSource", "cinder") \
	FIELD(VOLUMESOURCE_CEPHFS, 14, "core.v1.VolumeSource", "cephfs") \
	FIELD(VOLUMESOURCE_AZURE_FILE, 18, "core.v1.VolumeSource", "azureFile") \
	FIELD(VOLUMESOURCE_CONFIG_MAP, 19, "core.v1.VolumeSource", "configMap") \
	FIELD(VOLUMESOURCE_SCALEIO, 25, "core.v1.VolumeSource", "scaleIO") \
	FIELD(VOLUMESOURCE_PROJECTED, 26, "core.v1.VolumeSource", "projected") \
	FIELD(VOLUMESOURCE_STORAGEOS, 27, "core.v1.VolumeSource", "storageos") \
	FIELD(VOLUMESOURCE_CSI, 28, "core.v1.VolumeSource", "csi") \
	FIELD(VOLUMESOURCE_EPHEMERAL, 29, "core.v1.VolumeSource", "ephemeral") \
	FIELD(SECRETVOLUMESOURCE_SECRET_NAME, 1, "core.v1.SecretVolumeSource", "secretName") \
	FIELD(AZUREFILEVOLUMESOURCE_SECRET_NAME, 1, "core.v1.AzureFileVolumeSource", "secretName") \
	FIELD(CEPHFSVOLUMESOURCE_SECRET_REF, 5, "core.v1.CephFSVolumeSource", "secretRef") \
	FIELD(CINDERVOLUMESOURCE_SECRET_REF, 4, "core.v1.CinderVolumeSource", "secretRef") \
	FIELD(FLEXVOLUMESOURCE_SECRET_REF, 3, "core.v1.FlexVolumeSource", "secretRef") \
	FIELD(RBDVOLUMESOURCE_SECRET_REF, 7, "core.v1.RBDVolumeSource", "secretRef") \
	FIELD(SCALEIOVOLUMESOURCE_SECRET_REF, 3, "core.v1.ScaleIOVolumeSource", "secretRef") \
	FIELD(ISCSIVOLUMESOURCE_SECRET_REF, 10, "core.v1.ISCSIVolumeSource", "secretRef") \
	FIELD(STORAGEOSVOLUMESOURCE_SECRET_REF, 5, "core.v1.StorageOSVolumeSource", "secretRef") \
	FIELD(CSIVOLUMESOURCE_NODE_PUBLISH_SECRET_REF, 5, "core.v1.CSIVolumeSource", \
	      "nodePublishSecretRef") \
	FIELD(PVCVOLUMESOURCE_CLAIM_NAME, 1, "core.v1.PersistentVolumeClaimVolumeSource", \
	      "claimName") \
	FIELD(PROJECTEDVOLUMESOURCE_SOURCES, 1, "core.v1.ProjectedVolumeSource", "sources") \
	FIELD(VOLUMEPROJECTION_SECRET, 1, "core.v1.VolumeProjection", "secret") \
	FIELD(VOLUMEPROJECTION_CONFIG_MAP, 3, "core.v1.VolumeProjection", "configMap") \
	FIELD(PV_METADATA, 1, "core.v1.PersistentVolume", "metadata") \
	FIELD(PV_SPEC, 2, "core.v1.PersistentVolume", "spec") \
	FIELD(PVSPEC_SOURCE, 2, "core.v1.PersistentVolumeSpec", "persistentVolumeSource") \
	FIELD(PVSPEC_CLAIM_REF, 4, "core.v1.PersistentVolumeSpec", "claimRef") \
	FIELD(PVSOURCE_RBD, 6, "core.v1.PersistentVolumeSource", "rbd") \
	FIELD(PVSOURCE_ISCSI, 7, "core.v1.PersistentVolumeSource", "iscsi") \
	FIELD(PVSOURCE_CINDER, 8, "core.v1.PersistentVolumeSource", "cinder") \
	FIELD(PVSOURCE_CEPHFS, 9, "core.v1.PersistentVolumeSource", "cephfs") \
	FIELD(PVSOURCE_FLEX_VOLUME, 12, "core.v1.PersistentVolumeSource", "flexVolume") \
	FIELD(PVSOURCE_AZURE_FILE, 13, "core.v1.PersistentVolumeSource", "azureFile") \
	FIELD(PVSOURCE_SCALEIO, 19, "core.v1.PersistentVolumeSource", "scaleIO") \
	FIELD(PVSOURCE_STORAGEOS, 21, "core.v1.PersistentVolumeSource", "storageos") \
	FIELD(PVSOURCE_CSI, 22, "core.v1.PersistentVolumeSource", "csi") \
	FIELD(AZUREFILEPVSOURCE_SECRET_NAME, 1, "core.v1.AzureFilePersistentVolumeSource", \
	      "secretName") \
	FIELD(AZUREFILEPVSOURCE_SECRET_NAMESPACE, 4, "core.v1.AzureFilePersistentVolumeSource", \
	      "secretNamespace") \
	FIELD(CSIPVSOURCE_NODE_STAGE_SECRET_REF, 7, "core.v1.CSIPersistentVolumeSource", \
	      "nodeStageSecretRef") \
	FIELD(CSIPVSOURCE_NODE_PUBLISH_SECRET_REF, 8, "core.v1.CSIPersistentVolumeSource", \
	      "nodePublishSecretRef") \
	FIELD(CSIPVSOURCE_NODE_EXPAND_SECRET_REF, 10, "core.v1.CSIPersistentVolumeSource", \
	      "nodeExpandSecretRef") \
	FIELD(VOLUMEATTACHMENT_METADATA, 1, "storage.v1.VolumeAttachment", "metadata") \
	FIELD(VOLUMEATTACHMENT_SPEC, 2, "storage.v1.VolumeAttachment", "spec") \
	FIELD(VOLUMEATTACHMENTSPEC_NODE_NAME, 3, "storage.v1.VolumeAttachmentSpec", "nodeName") \
	FIELD(RESOURCESLICE_METADATA, 1, "resource.v1.ResourceSlice", "metadata") \
	FIELD(RESOURCESLICE_SPEC, 2, "resource.v1.ResourceSlice", "spec") \
	FIELD(RESOURCESLICESPEC_NODE_NAME, 3, "resource.v1.ResourceSliceSpec", "nodeName") \
	FIELD(PODCERTIFICATEREQUEST_METADATA, 1, "certificates.v1beta1.PodCertificateRequest", \
	      "metadata") \
	FIELD(PODCERTIFICATEREQUEST_SPEC, 2, "certificates.v1beta1.PodCertificateRequest", "spec") \
	FIELD(PODCERTIFICATEREQUESTSPEC_NODE_NAME, 6, \
	      "certificates.v1beta1.PodCertificateRequestSpec", "nodeName")

enum codec_field {
#define FIELD(id, number, message, member) id = (number),
	CODEC_FIELDS(FIELD)
#undef FIELD
	/* Every <Kind>List: not in the tables, since its items carry no type. */
	LIST_METADATA = 1,
	LIST_ITEMS = 2,
};

#endif
