#include "cli/route_test.h"

#include <getopt.h>
#include <stdlib.h>

#include "cli/api_client.h"
#include "cli/route_payload.h"
#include "cli/text.h"
#include "cli/when.h"
#include "config/config.h"

struct rt_args {
	struct route_payload payload;
	bool json;
};

/* The alerts of BATCH, one after the other. */
static void
rt_show(const struct rt_args *args, const struct config *c,
	const struct rules *rules, struct alert_batch *batch)
{
	struct route_test rt = {
		.rules = rules,
		.conf = &c->alerts,
		.at_ms = args->payload.now_ms,
		.arena = &batch->arena,
	};

	for (size_t i = 0; i < batch->n; i++) {
		json_t *object = route_test_json(&rt, &batch->v[i]);

		if (i > 0 && !args->json)
			putchar('\n');
		if (args->json)
			api_print_line(object);
		else
			route_test_print(object);
		json_decref(object);
	}
}

static int
rt_test(const struct rt_args *args, const struct config *c, int n, char **words)
{
	struct conf_errors e;
	struct alert_batch batch;
	struct rules *rules = NULL;
	int r;

	conf_errors_init(&e);
	r = rules_new(&c->alerts, c->hostname, &e, &rules);
	conf_errors_done(&e);
	if (r < 0 || !rules_is_on(rules)) {
		cli_say("the configuration has no section `alerts` that names "
			"anybody");
		rules_unref(&rules);
		return CLI_CONFIG;
	}
	r = route_payload_read(&args->payload, rules, n, words, &batch);
	if (r == CLI_OK)
		rt_show(args, c, rules, &batch);
	alert_batch_done(&batch);
	rules_unref(&rules);
	return r;
}

static int
rt_option(const struct cli *cli, struct rt_args *args, int c, const char *arg)
{
	switch (c) {
	case 's':
		args->payload.source = arg;
		return CLI_OK;
	case 'h':
		return route_payload_header(&args->payload, arg);
	case 'a':
		return when_parse(arg, text_now(), &args->payload.now_ms);
	case 'j':
		args->json = true;
		return CLI_OK;
	default:
		return cli_usage(cli);
	}
}

int
cli_route_test(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"source", required_argument, NULL, 's'},
		{"header", required_argument, NULL, 'h'},
		{"at", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct rt_args args = {.payload = {.now_ms = text_now()}};
	struct config *config = NULL;
	struct conf_errors e;
	int c, r = CLI_OK;

	while (r == CLI_OK &&
	       (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = rt_option(cli, &args, c, optarg);
	if (r != CLI_OK)
		return r;
	if (optind == argc)
		return cli_usage(cli);
	conf_errors_init(&e);
	if (config_load(cli->conf_path, &config, &e) < 0) {
		conf_errors_print(&e, stderr);
		r = CLI_CONFIG;
	} else {
		r = rt_test(&args, config, argc - optind, argv + optind);
	}
	config_unref(&config);
	conf_errors_done(&e);
	return r;
}
