extern int belfry_net_placeholder;
int belfry_net_placeholder;
