/*
 * filter - which messages an operator means.
 */
#ifndef QUEUE_FILTER_H
#define QUEUE_FILTER_H

#include "queue/queue.h"

/* Does all hold that F asks for? Pure. */
bool filter_means(const struct queue_filter *f,
		  const struct queue_message_info *m);

#endif
