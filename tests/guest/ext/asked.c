// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Exports to whom it likes: its authoriser compares what it is told with what it was told before.

#include "abi/ext/extension.h"

static u64 friend, asked, last_symbol, last_how, last_account;

MAY_LINK(may_link) {
    asked++;
    last_symbol = importer->symbol;
    last_how = importer->how;
    last_account = importer->account;
    return importer->name == friend;
}

EVENT(u64, secret, (void)) {
    return 42;
}

ENTRY(u64, befriend, (u64 name)) {
    friend = name;
    return 0;
}

ENTRY(u64, tell, (u64 what)) {
    return what == 0 ? asked : what == 1 ? last_symbol : what == 2 ? last_how : last_account;
}
