extern int belfry_relay_placeholder;
int belfry_relay_placeholder;
