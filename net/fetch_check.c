/*
 * fetch_check - what may be asked for, and what an answer says of later.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "net/fetch.h"

#define FC_RETRY_MAX_MS (INT64_C(24) * 3600 * 1000)
#define FC_METHOD_MAX   32
#define FC_VALUE_MAX    8192

/* RFC 9110, 5.6.2 */
static bool
fc_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) &&
		    strchr("!#$%&'*+-.^_`|~", *s) == NULL)
			return false;
	return true;
}

static const char *
fc_url_parts(CURLU *u)
{
	const char *wrong = NULL;
	char *scheme = NULL, *host = NULL;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		wrong = "it begins with neither http:// nor https://";
	else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		 host[0] == '\0')
		wrong = "its host is no name";
	else if (host[strlen(host) - 1] == '.')
		wrong = "its host ends in a dot";
	curl_free(scheme);
	curl_free(host);
	return wrong;
}

const char *
fetch_check_url(const char *url)
{
	const char *wrong;
	CURLU *u;

	if (strlen(url) > FETCH_URL_MAX)
		return "it is too long";
	for (const char *s = url; *s != '\0'; s++)
		if (*s <= ' ' || *s == 0x7f) /* or above 127 */
			return "it has a blank, a control character or one "
			       "that is not ASCII";
	u = curl_url();
	must(u != NULL);
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) !=
	    CURLUE_OK)
		wrong = "it is no absolute URL";
	else
		wrong = fc_url_parts(u);
	curl_url_cleanup(u);
	return wrong;
}

const char *
fetch_check_method(const char *method)
{
	if (strlen(method) > FC_METHOD_MAX || !fc_is_token(method))
		return "it is no method of HTTP";
	for (const char *s = method; *s != '\0'; s++)
		if (islower((unsigned char)*s))
			return "methods are written in capitals";
	return strcmp(method, "CONNECT") == 0 ? "CONNECT asks for no resource"
					      : NULL;
}

const char *
fetch_check_header(const char *name, const char *value)
{
	static const char *const ours[] = {
		"Connection", "Content-Length",    "Expect",
		"Keep-Alive", "Proxy-Connection",  "TE",
		"Trailer",    "Transfer-Encoding", "Upgrade",
	};

	if (!fc_is_token(name))
		return "it is no name of a header";
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return "it is the connection's";
	if (strlen(name) + strlen(value) > FC_VALUE_MAX)
		return "it is too long";
	for (; *value != '\0'; value++)
		if (iscntrl((unsigned char)*value) && *value != '\t')
			return "its value has a control character";
	return NULL;
}

void
fetch_url_host(const char *url, char *ret, size_t size)
{
	char *host = NULL, *port = NULL;
	CURLU *u = curl_url();

	must(u != NULL);
	ret[0] = '\0';
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		if (curl_url_get(u, CURLUPART_PORT, &port,
				 CURLU_NO_DEFAULT_PORT) != CURLUE_OK)
			port = NULL;
		snprintf(ret, size, "%s%s%s", host, port ? ":" : "",
			 port ? port : "");
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

int64_t
fetch_retry_after_ms(const char *value, int64_t now_wall_ms)
{
	size_t digits = strspn(value, "0123456789");
	int64_t ms = 0;

	if (digits > 0 && value[digits] == '\0') {
		for (size_t i = 0; i < digits && ms < FC_RETRY_MAX_MS; i++)
			ms = ms * 10 + (value[i] - '0') * INT64_C(1000);
	} else {
		int64_t at = curl_getdate(value, NULL);

		if (at < 0)
			return -1;
		ms = at * 1000 - now_wall_ms;
	}
	if (ms < 0)
		return 0;
	return ms < FC_RETRY_MAX_MS ? ms : FC_RETRY_MAX_MS;
}
