/*
 * alert_noise - which rules told people how much in a week, and for what.
 */
#ifndef CLI_ALERT_NOISE_H
#define CLI_ALERT_NOISE_H

#include <stdbool.h>

#include "cli/command.h"

/* Prints the report; an exit status. */
int alert_noise_week(const struct cli *cli, bool json);

#endif
