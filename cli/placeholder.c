extern int belfry_cli_placeholder;
int belfry_cli_placeholder;
