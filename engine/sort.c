// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Heap sort, after a look whether there is anything to do: compilers emit most tables in order.

#include "engine/sort.h"

#include "base/bits.h"
#include "base/string.h"

static uint32_t key_at(const uint8_t *array, size_t index, size_t size) {
    return bits_load32(array + index * size);
}

static void swap(uint8_t *array, size_t a, size_t b, size_t size) {
    uint8_t save[64];
    memcpy(save, array + a * size, size);
    memcpy(array + a * size, array + b * size, size);
    memcpy(array + b * size, save, size);
}

static void sift_down(uint8_t *array, size_t root, size_t count, size_t size) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && key_at(array, child, size) < key_at(array, child + 1, size))
            child++;
        if (key_at(array, root, size) >= key_at(array, child, size))
            return;
        swap(array, root, child, size);
        root = child;
    }
}

void engine_sort(void *array, size_t count, size_t size) {
    size_t sorted = 1;
    while (sorted < count && key_at(array, sorted - 1, size) <= key_at(array, sorted, size))
        sorted++;
    if (sorted >= count)
        return;
    for (size_t i = count / 2; i-- > 0;)
        sift_down(array, i, count, size);
    for (size_t end = count - 1; end > 0; end--) {
        swap(array, 0, end, size);
        sift_down(array, 0, end, size);
    }
}

size_t engine_search(const void *array, size_t count, size_t size, uint32_t key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_at(array, middle, size) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
