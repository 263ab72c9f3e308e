extern int belfry_queue_placeholder;
int belfry_queue_placeholder;
