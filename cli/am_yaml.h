/*
 * am_yaml - a YAML file of somebody else's, to be looked at by keys.
 *
 * Anchors, aliases and `<<` are followed, so a node may be reached again and
 * again, even from below itself: whoever goes down counts how deep.
 */
#ifndef CLI_AM_YAML_H
#define CLI_AM_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define AM_DEPTH_MAX 14 /* of what is gone down into */

struct am_yaml {
	yaml_document_t doc;
	bool open;
};

/* 0; or -EINVAL with a reason of its own in *RET_WHY, which the caller frees,
 * and its line. */
int am_yaml_read(struct am_yaml *y, const char *text, size_t len,
		 char **ret_why, size_t *ret_line);
void am_yaml_done(struct am_yaml *y);
/* NULL: the document is empty. */
yaml_node_t *am_yaml_root(struct am_yaml *y);

/* What KEY of the mapping NODE is; NULL: none, or NODE is no mapping. */
yaml_node_t *am_get(struct am_yaml *y, yaml_node_t *node, const char *key);
/* The item AT of a sequence; NULL behind the last, or for what is none. */
yaml_node_t *am_item(struct am_yaml *y, yaml_node_t *node, size_t at);
/* The pair AT of a mapping; false as am_item(). */
bool am_pair(struct am_yaml *y, yaml_node_t *node, size_t at,
	     yaml_node_t **ret_key, yaml_node_t **ret_value);
/* The text of a scalar; NULL: it is none, or has a NUL. */
const char *am_text(const yaml_node_t *node);
/* That of KEY; NULL as these. */
const char *am_get_text(struct am_yaml *y, yaml_node_t *node, const char *key);
size_t am_line(const yaml_node_t *node); /* from 1 */

#endif
