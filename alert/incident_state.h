/*
 * incident_state - what is true of an incident.
 */
#ifndef ALERT_INCIDENT_STATE_H
#define ALERT_INCIDENT_STATE_H

enum incident_state {
	INCIDENT_OPEN,
	INCIDENT_STALE,    /* its source no longer speaks of it */
	INCIDENT_RESOLVED, /* its source says that it is over */
};
#define INCIDENT_NSTATE 3

#endif
