// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Answers to those who ask the pod to give memory back (abi/revoke.h). What the pod holds and does
// not need goes first: pages of its memory that hold nothing. If that is too little, the process
// with the most resident pages is killed, as a Unix does that is out of memory: better than to lose
// pages of anybody at the deadline. Process 1 is the one that is told.

#ifndef EXOS_SQUEEZE_H
#define EXOS_SQUEEZE_H

#include "abi/types.h"

// The pod's account is told through this env.
void squeeze_listen(env_id env);
// Gives back what is asked for, if anything is; with the pod lock, often.
void squeeze_answer(void);

#endif
