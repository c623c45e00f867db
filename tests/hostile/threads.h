// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Ways to misbehave with threads (threads.c).

#ifndef TESTS_HOSTILE_THREADS_H
#define TESTS_HOSTILE_THREADS_H

void thread_state(void);
void thread_churn(void);
void thread_exit_race(void);
void thread_exec(void);
void thread_bomb(void);

#endif
