/*
 * liar.h - a process between the library and the real xenstored that damages
 * the replies, from the n-th on, in one of many ways.
 */
#ifndef LIAR_H
#define LIAR_H

enum fault {
    RIGHT, WATCH_EVENTS, BYTE_BY_BYTE,
    CLOSED, CLOSED_IN_HEADER, CLOSED_IN_BODY, OVERSIZED, HUGE_LENGTH, UNKNOWN_ID, WRONG_TYPE, INVALID_TYPE,
    UNKNOWN_ERROR, EMPTY_ERROR, UNTERMINATED_ERROR, UNTERMINATED, EMPTY, GARBAGE, LONG_GARBAGE, TWICE, BAD_WATCH_EVENTS,
    ENDLESS_DIRECTORY, RESTLESS_DIRECTORY, BAD_DIRECTORY_PART,
    FAULTS_AT_ONCE, SILENCE = FAULTS_AT_ONCE, TRICKLE,
};

/* What the test tells the process in between, and learns from it. */
struct control {
    _Atomic int fault, first, replies, damaged;
};

/* Starts one, which listens at `path` for clients of the xenstored at `real`. */
struct control *new_liar(const char *path, const char *real);

#endif
