#include "relay/alert_page.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/mustache.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "mail/base64.h"

#define HOUR_MS     INT64_C(3600000)
#define MONDAY_HOUR 8

const char *const page_act_names[] = {
	[PAGE_ACK] = "ack",
	[PAGE_UNACK] = "unack",
	[PAGE_SILENCE_1H] = "silence-1h",
	[PAGE_SILENCE_4H] = "silence-4h",
	[PAGE_SILENCE_1D] = "silence-1d",
	[PAGE_SILENCE_MONDAY] = "silence-monday",
	[PAGE_CLOSE] = "close",
};

static const char page_style[] =
	":root{color-scheme:light dark}"
	"body{font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;"
	"background:#fff;margin:0}"
	"main{max-width:40rem;margin:0 auto;padding:1.5rem 1rem}"
	"h1{font-size:1.3rem;overflow-wrap:anywhere}"
	"ul{list-style:none;padding:0}"
	"li{border-top:1px solid #d0d0d0;padding:.6rem 0;"
	"overflow-wrap:anywhere}"
	"small{color:#5c5c5c;display:block}"
	"a{color:#0b57a4}"
	".said,.wrong{padding:.7rem 1rem;border-radius:.4rem}"
	".said{background:#e5f4e5}.wrong{background:#fbe6e4}"
	"fieldset{border:1px solid #d0d0d0;border-radius:.4rem;"
	"margin:1rem 0}"
	"button{font:inherit;padding:.5rem .9rem;margin:.2rem .3rem .2rem 0;"
	"border:1px solid #0b57a4;border-radius:.4rem;color:#0b57a4;"
	"background:transparent;cursor:pointer}"
	"button.first{background:#0b57a4;color:#fff}"
	"input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem;"
	"color:inherit;background:transparent;border:1px solid #8a8a8a;"
	"border-radius:.3rem}"
	"@media (prefers-color-scheme:dark){"
	"body{color:#ececec;background:#181818}"
	"li,fieldset{border-color:#444}small{color:#a8a8a8}"
	"a{color:#8ab8ea}"
	".said{background:#1d3320}.wrong{background:#44211e}"
	"button{border-color:#8ab8ea;color:#8ab8ea}"
	"button.first{background:#8ab8ea;color:#101010}}";

static const char page_text[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, "
	"initial-scale=1\">\n"
	"<meta name=\"robots\" content=\"noindex\">\n"
	"<title>{{title}}</title>\n"
	"<style>{{{style}}}</style>\n"
	"</head>\n"
	"<body>\n"
	"<main>\n"
	"<h1>{{title}}</h1>\n"
	"{{#said}}\n"
	"<p class=\"said\" role=\"status\">{{said}}</p>\n"
	"{{/said}}\n"
	"{{#wrong}}\n"
	"<p class=\"wrong\" role=\"alert\">{{wrong}}</p>\n"
	"{{/wrong}}\n"
	"{{#alerts}}\n"
	"{{#-first}}\n"
	"<ul>\n"
	"{{/-first}}\n"
	"<li><strong>{{summary}}</strong> {{state}}\n"
	"<small>since {{since}}{{#acked_by}}, acknowledged by {{acked_by}}"
	"{{/acked_by}}{{#silenced}}, silenced{{/silenced}}</small>\n"
	"<small>{{labels}}{{#url}} <a href=\"{{url}}\" rel=\"noreferrer\">"
	"source</a>{{/url}}</small></li>\n"
	"{{#-last}}\n"
	"</ul>\n"
	"{{/-last}}\n"
	"{{/alerts}}\n"
	"{{#more}}\n"
	"<p>and {{more}} more</p>\n"
	"{{/more}}\n"
	"{{#form}}\n"
	"<form method=\"post\">\n"
	"<p><label>Note (for the others, may be empty)\n"
	"<input name=\"note\" maxlength=\"500\" autocomplete=\"off\"></label>"
	"</p>\n"
	"{{#blocks}}\n"
	"{{#legend}}\n"
	"<fieldset><legend>{{legend}}</legend>\n"
	"{{/legend}}\n"
	"{{#buttons}}\n"
	"<button name=\"act\" value=\"{{name}}\"{{#first}} class=\"first\""
	"{{/first}}>{{label}}</button>\n"
	"{{/buttons}}\n"
	"{{#legend}}\n"
	"</fieldset>\n"
	"{{/legend}}\n"
	"{{/blocks}}\n"
	"</form>\n"
	"{{/form}}\n"
	"</main>\n"
	"</body>\n"
	"</html>\n";

/* --- values ------------------------------------------------------------------- */

static struct mustache_value
pg_text(const char *text)
{
	return (struct mustache_value){.kind = MUSTACHE_TEXT, .text = text};
}

static struct mustache_value
pg_flag(bool is)
{
	return (struct mustache_value){
		.kind = is ? MUSTACHE_TRUE : MUSTACHE_FALSE,
	};
}

static struct mustache_value
pg_list(const struct mustache_value *items, size_t n)
{
	return (struct mustache_value){
		.kind = MUSTACHE_LIST,
		.n = n,
		.items = items,
	};
}

/* An object with room for N fields, which pg_add() fills. */
struct pg_object {
	size_t n;
	struct mustache_field *fields; /* in the arena */
};

static struct pg_object
pg_object(struct arena *a, size_t n)
{
	struct mustache_field *fields = arena_alloc(a, n * sizeof(fields[0]));

	return (struct pg_object){.fields = fields};
}

static void
pg_add(struct pg_object *o, const char *name, struct mustache_value value)
{
	o->fields[o->n++] = (struct mustache_field){name, value};
}

static struct mustache_value
pg_value(const struct pg_object *o)
{
	return (struct mustache_value){
		.kind = MUSTACHE_OBJECT,
		.n = o->n,
		.fields = o->fields,
	};
}

/* --- alerts ----------------------------------------------------------------------- */

static const char *
pg_state(enum incident_state state)
{
	switch (state) {
	case INCIDENT_OPEN:
		return "is firing";
	case INCIDENT_STALE:
		return "is no longer reported";
	case INCIDENT_RESOLVED:
		return "is over";
	}
	abort();
}

static struct mustache_value
pg_alert(struct arena *a, const struct alert_page *page,
	 const struct page_alert *alert)
{
	struct pg_object o = pg_object(a, 7);
	char since[ZONE_TEXT_MAX];

	zone_format(page->zone, alert->starts_ms, since);
	pg_add(&o, "summary", pg_text(alert->summary));
	pg_add(&o, "labels", pg_text(alert->labels));
	pg_add(&o, "state", pg_text(pg_state(alert->state)));
	pg_add(&o, "since", pg_text(arena_strdup(a, since)));
	pg_add(&o, "acked_by", pg_text(alert->acked_by));
	pg_add(&o, "silenced", pg_flag(alert->silenced));
	pg_add(&o, "url", pg_text(alert->url));
	return pg_value(&o);
}

static struct mustache_value
pg_alerts(struct arena *a, const struct alert_page *page)
{
	struct mustache_value *items =
		arena_alloc(a, (page->n + 1) * sizeof(items[0]));

	for (size_t i = 0; i < page->n; i++)
		items[i] = pg_alert(a, page, &page->v[i]);
	return pg_list(items, page->n);
}

/* --- the form -------------------------------------------------------------------------- */

static const struct page_button {
	enum page_act act;
	const char *label;
} page_acks[] =
	{
		{PAGE_ACK, "Acknowledge"},
		{PAGE_UNACK, "Take an acknowledgement back"},
},
  page_silences[] =
	  {
		  {PAGE_SILENCE_1H, "1 hour"},
		  {PAGE_SILENCE_4H, "4 hours"},
		  {PAGE_SILENCE_1D, "1 day"},
		  {PAGE_SILENCE_MONDAY, "until Monday"},
},
  page_closes[] = {
	  {PAGE_CLOSE, "Close: it is over"},
};

static const struct page_block {
	const char *legend;
	const struct page_button *buttons;
	size_t n;
	bool silence;
} page_blocks[] = {
	{"", page_acks, sizeof(page_acks) / sizeof(page_acks[0]), false},
	{"Silence for", page_silences,
	 sizeof(page_silences) / sizeof(page_silences[0]), true},
	{"", page_closes, sizeof(page_closes) / sizeof(page_closes[0]), false},
};
#define PAGE_NBLOCK (sizeof(page_blocks) / sizeof(page_blocks[0]))

static bool
pg_is_first(const struct page_block *b, enum page_act first)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->buttons[i].act == first)
			return true;
	return false;
}

static struct mustache_value
pg_block(struct arena *a, const struct alert_page *page,
	 const struct page_block *b)
{
	struct mustache_value *items = arena_alloc(a, b->n * sizeof(items[0]));
	struct pg_object block = pg_object(a, 2);

	for (size_t i = 0; i < b->n; i++) {
		struct pg_object o = pg_object(a, 3);

		pg_add(&o, "name", pg_text(page_act_names[b->buttons[i].act]));
		pg_add(&o, "label", pg_text(b->buttons[i].label));
		pg_add(&o, "first", pg_flag(b->buttons[i].act == page->first));
		items[i] = pg_value(&o);
	}
	pg_add(&block, "legend", pg_text(b->legend));
	pg_add(&block, "buttons", pg_list(items, b->n));
	return pg_value(&block);
}

/* The block of what the link was for comes first: its first button is the one
 * that the key Enter presses. */
static struct mustache_value
pg_blocks(struct arena *a, const struct alert_page *page)
{
	struct mustache_value *items =
		arena_alloc(a, PAGE_NBLOCK * sizeof(items[0]));
	size_t n = 0;

	for (int first = 1; first >= 0; first--)
		for (size_t i = 0; i < PAGE_NBLOCK; i++) {
			const struct page_block *b = &page_blocks[i];

			if (pg_is_first(b, page->first) == (first == 1) &&
			    (page->silence || !b->silence))
				items[n++] = pg_block(a, page, b);
		}
	return pg_list(items, n);
}

/* --- the page ------------------------------------------------------------------------------ */

static struct mustache_value
pg_more(struct arena *a, size_t more)
{
	return pg_text(more > 0 ? arena_printf(a, "%zu", more) : "");
}

int
alert_page_write(const struct alert_page *page, struct buf *out)
{
	struct mustache_value root;
	struct mustache_error error;
	struct mustache *m;
	struct pg_object o;
	struct arena a;
	int r;

	must(mustache_new(page_text, sizeof(page_text) - 1, &m, &error) == 0);
	arena_init(&a);
	o = pg_object(&a, 8);
	pg_add(&o, "title", pg_text(page->title));
	pg_add(&o, "style", pg_text(page_style));
	pg_add(&o, "said", pg_text(page->said));
	pg_add(&o, "wrong", pg_text(page->wrong));
	pg_add(&o, "alerts", pg_alerts(&a, page));
	pg_add(&o, "more", pg_more(&a, page->more));
	pg_add(&o, "form", pg_flag(page->form));
	pg_add(&o, "blocks", pg_blocks(&a, page));
	root = pg_value(&o);
	r = mustache_render(m, &root, MUSTACHE_HTML, out);
	arena_done(&a);
	mustache_free(&m);
	return r;
}

int
alert_page_url(const char *base, const char *token, const char *recipient,
	       struct buf *out)
{
	int r = buf_printf(out, "%s" ALERT_PAGE_PATH "%s?to=", base, token);

	return r < 0 ? r : mustache_write(recipient, MUSTACHE_URL, out);
}

void
alert_page_policy(char ret[static ALERT_PAGE_POLICY_MAX])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;
	struct buf hash;

	buf_init(&hash, 128);
	must(EVP_Digest(page_style, sizeof(page_style) - 1, digest, &len,
			EVP_sha256(), NULL) == 1);
	base64_encode(digest, len, &hash);
	snprintf(ret, ALERT_PAGE_POLICY_MAX,
		 "default-src 'none'; style-src 'sha256-%s'; "
		 "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		 buf_str(&hash));
	buf_done(&hash);
}

/* On a Monday the next one is meant. */
static int64_t
pg_monday(struct zone *zone, int64_t now_ms)
{
	struct civil c = zone_civil(zone, now_ms);
	int64_t days = civil_days(c.year, c.month, c.day);
	int ahead = (8 - civil_weekday(days)) % 7;

	c = civil_of_days(days + (ahead > 0 ? ahead : 7));
	c.hour = MONDAY_HOUR;
	return zone_to_wall_ms(zone, c);
}

int64_t
alert_page_silence_until(enum page_act act, struct zone *zone, int64_t now_ms)
{
	switch (act) {
	case PAGE_SILENCE_1H:
		return now_ms + HOUR_MS;
	case PAGE_SILENCE_4H:
		return now_ms + 4 * HOUR_MS;
	case PAGE_SILENCE_1D:
		return now_ms + 24 * HOUR_MS;
	case PAGE_SILENCE_MONDAY:
		return pg_monday(zone, now_ms);
	case PAGE_ACK:
	case PAGE_UNACK:
	case PAGE_CLOSE:
	case PAGE_NACT:
		break;
	}
	return now_ms;
}
