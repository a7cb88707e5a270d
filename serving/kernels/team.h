/* A few threads that help one other thread with what it is at. */

#ifndef ONNXLATE_TEAM_H
#define ONNXLATE_TEAM_H

#include <stdint.h>

typedef struct Team Team;

/* Part `part` of some work; parts are done in any order, by any thread. */
typedef void (*Work)(const void *what, int64_t part);

/* So many helpers, which sleep; NULL if they cannot be had. */
Team *onnxlate_team(int64_t helpers);

/* Ends them. */
void onnxlate_disband(Team *team);

/* Does all parts, together with whoever of the team comes in time; without a team alone. */
void share(Team *team, Work work, const void *what, int64_t parts);

#endif
