/*
 * render_endpoint - the templates that a receiver's entry has of its own, checked
 * and compiled.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alert/render_impl.h"
#include "alert/render_names.h"
#include "base/must.h"
#include "net/fetch.h"

struct adding {
	struct render *render;
	struct render_entry *entry;
	const struct conf_mark *mark;
	struct conf_errors *e;
};

static const struct render_limits one_line = {.escape = MUSTACHE_LINE,
					      .summary = 300,
					      .description = 1000,
					      .value = 500,
					      .url = 2048,
					      .alerts = RENDER_ALERTS_MAX,
					      .max = 8000};

/* A template of one line. NULL with an error. */
static struct mustache *
line_compile(const struct adding *a, const char *text,
	     enum mustache_escape escape)
{
	struct render_limits limits = one_line;
	struct mustache *m = render_compile(text, strlen(text), a->mark, a->e);

	limits.escape = escape;
	if (escape == MUSTACHE_URL)
		limits.max = FETCH_URL_MAX;
	if (m != NULL && !render_check(a->render, m, &limits, a->mark, a->e))
		mustache_free(&m);
	return m;
}

static void
own_add(const struct adding *a, struct render_own **list, const char *name,
	struct mustache *text)
{
	struct render_own *own;

	if (text == NULL)
		return;
	own = arena_alloc(&a->render->arena, sizeof(*own));
	own->name = name != NULL ? arena_strdup(&a->render->arena, name) : NULL;
	own->text = text;
	while (*list != NULL)
		list = &(*list)->next;
	*list = own;
}

/* --- the URL -------------------------------------------------------------------- */

/* What an alert holds may say where on a host, but not on which. */
static void
add_url(const struct adding *a, const char *url)
{
	const char *host = strstr(url, "://"), *tag = strstr(url, "{{");
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

	if (tag == NULL)
		return;
	if (path == NULL || path > tag)
		conf_error(a->e, a->mark,
			   "a tag may stand only behind the host of a URL and "
			   "the `/` after it");
	else
		a->entry->url = line_compile(a, url, MUSTACHE_URL);
}

/* --- the body ------------------------------------------------------------------- */

static bool
type_is(const char *type, const char *what)
{
	size_t len = strcspn(type, "; \t");

	return len == strlen(what) && strncasecmp(type, what, len) == 0;
}

static bool
type_is_json(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return type_is(type, "application/json") ||
	       (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static const char *
type_of(const struct render_endpoint *ep)
{
	for (size_t i = 0; i < ep->nheaders; i++)
		if (strcasecmp(ep->headers[i].name, "Content-Type") == 0)
			return ep->headers[i].value;
	return NULL;
}

/* How the values are escaped is what the type asks for. */
static void
add_body(const struct adding *a, const struct render_endpoint *ep)
{
	struct render_entry *entry = a->entry;
	const char *type = type_of(ep);

	entry->has_type = type != NULL;
	entry->limits = render_limits[RENDER_WEBHOOK_JSON];
	entry->limits.json = type == NULL || type_is_json(type);
	if (entry->limits.json)
		entry->limits.escape = MUSTACHE_JSON;
	else if (type_is(type, "application/x-www-form-urlencoded"))
		entry->limits.escape = MUSTACHE_URL;
	else if (type_is(type, "text/html"))
		entry->limits.escape = MUSTACHE_HTML;
	else
		entry->limits.escape = MUSTACHE_PLAIN;
	if (ep->body == NULL || ep->body[0] == '\0')
		return;
	entry->body = render_compile(ep->body, strlen(ep->body), a->mark, a->e);
	if (entry->body != NULL && !render_check(a->render, entry->body,
						 &entry->limits, a->mark, a->e))
		mustache_free(&entry->body);
}

static bool
name_is_token(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "!#$%&'*+-.^_`|~");

	return len > 0 && name[len] == '\0' &&
	       strncasecmp(name, "Belfry-", 7) != 0;
}

static void
add_headers(const struct adding *a, const struct render_endpoint *ep)
{
	for (size_t i = 0; i < ep->nheaders; i++) {
		const struct render_field *f = &ep->headers[i];

		if (!name_is_token(f->name))
			conf_error(a->e, a->mark,
				   "`%.100s` can't be the name of a header",
				   f->name);
		else
			own_add(a, &a->entry->headers, f->name,
				line_compile(a, f->value, MUSTACHE_LINE));
	}
}

/* --- arguments ------------------------------------------------------------------- */

/* "{name}", as other arguments have it, is "{{name}}" here; "{{" stands for a
 * brace. */
static void
arg_translate(const char *arg, struct buf *out)
{
	while (*arg != '\0') {
		size_t name = arg[0] == '{' && arg[1] != '{'
				      ? strcspn(arg + 1, "{}")
				      : 0;

		if (arg[0] == '{' && arg[1] == '{') {
			(void)buf_append_char(out, '{');
			arg += 2;
		} else if (name > 0 && arg[1 + name] == '}') {
			(void)buf_printf(out, "{{%.*s}}", (int)name, arg + 1);
			arg += name + 2;
		} else {
			(void)buf_append_char(out, *arg++);
		}
	}
}

/* "{{name}}" is how all else has it: here the name would be printed. */
static void
arg_check(const struct adding *a, const char *arg)
{
	for (const char *at = strstr(arg, "{{"); at != NULL;
	     at = strstr(at + 2, "{{")) {
		const char *name = at + 2 + strspn(at + 2, "#^/&");
		size_t len = strcspn(name, "{}");
		char copy[64];

		if (len == 0 || len >= sizeof(copy) ||
		    strncmp(name + len, "}}", 2) != 0)
			continue;
		snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
		if (render_name_is_known(copy))
			conf_error(a->e, a->mark,
				   "in arguments a variable has one brace: "
				   "write `{%.*s}`, not `{{%.*s}}`",
				   (int)(name + len - at - 2), at + 2,
				   (int)(name + len - at - 2), at + 2);
	}
}

static void
add_args(const struct adding *a, const struct render_endpoint *ep)
{
	if (ep->nargs > RENDER_ARGS_MAX) {
		conf_error(a->e, a->mark, "more than %d arguments",
			   RENDER_ARGS_MAX);
		return;
	}
	for (size_t i = 0; i < ep->nargs; i++) {
		struct buf text;

		arg_check(a, ep->args[i]);
		buf_init(&text, MUSTACHE_TEXT_MAX);
		arg_translate(ep->args[i], &text);
		own_add(a, &a->entry->args, NULL,
			line_compile(a, buf_str(&text), MUSTACHE_LINE));
		buf_done(&text);
	}
	if (a->entry->args != NULL &&
	    mustache_fixed_len(a->entry->args->text) != strlen(ep->args[0]))
		conf_error(a->e, a->mark,
			   "the program itself can't be taken "
			   "from an alert");
}

int
render_add_endpoint(struct render *r, const char *name,
		    const struct render_endpoint *ep,
		    const struct conf_mark *mark, struct conf_errors *e)
{
	struct render_entry *entry = arena_alloc(&r->arena, sizeof(*entry));
	struct adding a = {.render = r, .entry = entry, .mark = mark, .e = e};
	size_t before = e->total;

	must(ep->channel != CHANNEL_MAIL);
	entry->name = arena_strdup(&r->arena, name);
	entry->next = r->entries;
	r->entries = entry;
	if (ep->url != NULL)
		add_url(&a, ep->url);
	add_body(&a, ep);
	add_headers(&a, ep);
	add_args(&a, ep);
	return e->total > before ? -EINVAL : 0;
}
