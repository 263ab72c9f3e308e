#include "tests/fuzz/import_yaml.h"

#include <string.h>

#include "base/must.h"
#include "config/config.h"

void
import_yaml_check(const struct buf *yaml)
{
	struct config *config = NULL;
	struct conf_errors errors;

	conf_errors_init(&errors);
	(void)config_load_text("belfry.yaml", buf_str(yaml), yaml->len, &config,
			       &errors);
	for (size_t i = 0; i < errors.n; i++)
		must(strncmp(errors.v[i].text, "not valid YAML", 14) != 0 &&
		     strncmp(errors.v[i].text, "not readable", 12) != 0);
	config_unref(&config);
	conf_errors_done(&errors);
}
