#include "cli/am_yaml.h"

#include <errno.h>
#include <string.h>

#include "base/xalloc.h"

int
am_yaml_read(struct am_yaml *y, const char *text, size_t len, char **ret_why,
	     size_t *ret_line)
{
	yaml_parser_t parser;
	int r = 0;

	*y = (struct am_yaml){.open = false};
	if (!yaml_parser_initialize(&parser)) {
		*ret_why = xstrdup("out of memory");
		*ret_line = 0;
		return -EINVAL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &y->doc)) {
		y->open = true;
	} else {
		*ret_why = xasprintf("this is no YAML: %s",
				     parser.problem != NULL ? parser.problem
							    : "unknown error");
		*ret_line = parser.problem_mark.line + 1;
		r = -EINVAL;
	}
	yaml_parser_delete(&parser);
	return r;
}

void
am_yaml_done(struct am_yaml *y)
{
	if (y->open)
		yaml_document_delete(&y->doc);
	y->open = false;
}

yaml_node_t *
am_yaml_root(struct am_yaml *y)
{
	return yaml_document_get_root_node(&y->doc);
}

bool
am_pair(struct am_yaml *y, yaml_node_t *node, size_t at, yaml_node_t **ret_key,
	yaml_node_t **ret_value)
{
	yaml_node_pair_t *pair;

	if (node == NULL || node->type != YAML_MAPPING_NODE ||
	    at >= (size_t)(node->data.mapping.pairs.top -
			   node->data.mapping.pairs.start))
		return false;
	pair = node->data.mapping.pairs.start + at;
	*ret_key = yaml_document_get_node(&y->doc, pair->key);
	*ret_value = yaml_document_get_node(&y->doc, pair->value);
	return true;
}

static yaml_node_t *
am_own(struct am_yaml *y, yaml_node_t *node, const char *key)
{
	yaml_node_t *name, *value;

	for (size_t i = 0; am_pair(y, node, i, &name, &value); i++) {
		const char *text = am_text(name);

		if (text != NULL && strcmp(text, key) == 0)
			return value;
	}
	return NULL;
}

yaml_node_t *
am_get(struct am_yaml *y, yaml_node_t *node, const char *key)
{
	yaml_node_t *value = NULL;

	for (int i = 0; value == NULL && node != NULL && i < AM_DEPTH_MAX;
	     i++) {
		value = am_own(y, node, key);
		node = am_own(y, node, "<<");
	}
	return value;
}

yaml_node_t *
am_item(struct am_yaml *y, yaml_node_t *node, size_t at)
{
	if (node == NULL || node->type != YAML_SEQUENCE_NODE ||
	    at >= (size_t)(node->data.sequence.items.top -
			   node->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(&y->doc,
				      node->data.sequence.items.start[at]);
}

const char *
am_text(const yaml_node_t *node)
{
	const char *text;

	if (node == NULL || node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

const char *
am_get_text(struct am_yaml *y, yaml_node_t *node, const char *key)
{
	return am_text(am_get(y, node, key));
}

size_t
am_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}
