// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Asynchronous handlers: a raise puts a copy of the arguments, and of the structures behind them,
// into a queue of the handler's extension, which pays for it. If the extension has strands, one of
// them runs the handlers, in the slices of the env that loaded it, preemptively (service/strand.c);
// it is made when the first comes, and ends when none is left. Otherwise the kernel runs them when
// it idles or a timer's interrupt comes, at the cost of the env that installed them. A full queue
// loses calls, and counts them.

#include "base/string.h"
#include "kernel/aegis/above.h"
#include "kernel/spin/event_priv.h"

#define QUEUE_ITEMS 32
#define RUN_AT_ONCE 4 // handlers per interrupt

struct event_queue {
    struct ext *ext;
    struct event_queue *next; // of those that are not empty
    u32 first, count;
    u32 linked;
    struct event_item items[QUEUE_ITEMS];
};

static struct event_queue *waiting, **last = &waiting;

int event_can_wait(const struct event *event) {
    u64 bytes = 0;
    for (u32 i = 0; i < event->argument_count; i++)
        if (event->arguments[i].kind != ENGINE_SCALAR) {
            if (event->arguments[i].flags & ENGINE_TYPE_WRITE ||
                event->arguments[i].kind == ENGINE_REFERENCE)
                return 0; // its answer would come too late; who lent it has it back by then
            bytes += (event->arguments[i].size + 7) & ~7ul;
        }
    return bytes <= EVENT_COPY_BYTES;
}

i64 event_queue_make(struct ext *ext) {
    if (ext->queue)
        return 0;
    ext->queue = memory_alloc(&ext->lasting, sizeof *ext->queue);
    if (!ext->queue)
        return -E_NOMEM;
    memset(ext->queue, 0, sizeof *ext->queue);
    ext->queue->ext = ext;
    return 0;
}

// Will a strand do it?
static int later_begin(struct ext *ext) {
    if (!ext->later && ext->strands)
        ext->later = !ext_strand_later(ext);
    return (int)ext->later;
}

// Somebody will run them.
static void begin(struct event_queue *queue) {
    if (queue->linked || later_begin(queue->ext))
        return;
    queue->linked = 1;
    queue->next = 0;
    *last = queue;
    last = &queue->next;
    spin_work = 1;
}

void event_put_off(struct event_handler *handler, const u64 *arguments) {
    struct event_queue *queue = handler->ext->queue;
    const struct event *event = handler->event;
    if (!event || !queue || queue->count == QUEUE_ITEMS) {
        handler->row->lost++;
        return;
    }
    struct event_item *item = &queue->items[(queue->first + queue->count++) % QUEUE_ITEMS];
    u64 at = 0;
    item->handler = handler;
    memcpy(item->arguments, arguments, sizeof item->arguments);
    for (u32 i = 0; i < event->argument_count; i++)
        if (event->arguments[i].kind != ENGINE_SCALAR) {
            memcpy(item->copy + at, (const void *)arguments[i], event->arguments[i].size);
            item->arguments[i] = (u64)(item->copy + at);
            at += (event->arguments[i].size + 7) & ~7ul;
        }
    begin(queue);
}

int event_waiting(void) {
    return waiting != 0;
}

void event_queue_forget(const struct event_handler *handler) {
    struct event_queue *queue = handler->ext->queue;
    if (handler->ext->later_handler == handler)
        handler->ext->later_handler = 0;
    for (u32 i = 0; queue && i < QUEUE_ITEMS; i++)
        if (queue->items[i].handler == handler)
            queue->items[i].handler = 0;
}

static struct event_handler *inheritor(const struct ext *ext, const struct event_handler *old,
                                       const struct event_handler *from) {
    struct event_handler *handler = ext->handlers;
    while (handler != old && (handler->event != from->event || !(handler->kind & HANDLER_ASYNC) ||
                              !string_equal(handler->function->name, from->function->name)))
        handler = handler->next;
    return handler != old ? handler : 0;
}

void event_queue_inherit(struct ext *ext, const struct event_handler *old) {
    struct event_queue *queue = ext->queue;
    u32 count = queue ? queue->count : 0;
    for (u32 i = 0; i < count; i++) {
        struct event_item *item = &queue->items[(queue->first + i) % QUEUE_ITEMS];
        struct event_handler *to = item->handler ? inheritor(ext, old, item->handler) : 0;
        if (!to)
            continue;
        item->handler = to;
        if (to->binding.closure_register)
            item->arguments[to->binding.closure_register - 1] = to->closure;
    }
    if (count)
        begin(queue);
}

static void unlink(struct event_queue *queue) {
    struct event_queue **at = &waiting;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    if (!*at)
        last = at;
    queue->linked = 0;
}

void event_queue_drop(struct ext *ext) {
    if (ext->queue && ext->queue->linked)
        unlink(ext->queue);
    ext->queue = 0;
}

// Where the copies of structures are now.
static void arguments_move(struct event_item *item, const struct event *event, u64 shift) {
    for (u32 k = 0; k < event->argument_count; k++)
        if (event->arguments[k].kind != ENGINE_SCALAR)
            item->arguments[k] += shift;
}

int event_later_take(struct ext *ext, struct event_later *later) {
    struct event_queue *queue = ext->queue;
    while (queue && !queue->linked && queue->count) {
        const struct event_item *item = &queue->items[queue->first];
        queue->first = (queue->first + 1) % QUEUE_ITEMS;
        queue->count--;
        struct event_handler *handler = item->handler;
        if (!handler || !handler->event)
            continue;
        later->item = *item;
        later->function = handler->function->function;
        later->budget = handler->budget;
        arguments_move(&later->item, handler->event, (u64)&later->item - (u64)item);
        ext->later_handler = handler;
        return 1;
    }
    ext->later = 0;
    return 0;
}

// Extensions take turns. One that was taken out of its event meanwhile does not run any more.
int event_run_later(void) {
    for (u32 i = 0; i < RUN_AT_ONCE && waiting; i++) {
        struct event_queue *queue = waiting;
        struct event_item item = queue->items[queue->first];
        struct event_context context;
        u64 shift = (u64)&item - (u64)&queue->items[queue->first], value;
        unlink(queue);
        queue->first = (queue->first + 1) % QUEUE_ITEMS;
        if (--queue->count) {
            queue->linked = 1;
            queue->next = 0;
            *last = queue;
            last = &queue->next;
        }
        const struct event *event = item.handler ? item.handler->event : 0;
        if (!event)
            continue;
        arguments_move(&item, event, shift);
        struct engine_run *run = event_enter(&context, 0);
        (void)event_call(item.handler, item.arguments, run, &value);
        event_leave(&context);
    }
    return waiting != 0;
}
