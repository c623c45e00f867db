# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: 2026 The Tricolor authors
#
# The batch driver: runs on Linux (in a scratch root) and in Tricolor alike, by `busybox sh /cases/batch.sh`.
# Reads /cases/list, lines of `NAME SECONDS`; each case is /cases/NAME.sh with standard input /cases/NAME.in.
# It runs in an empty directory of its own and in its own session, and its result goes out at once, framed:
#     @start NAME
#     @status NAME N      then the standard output in base64
#     @stderr             then the standard error in base64
#     @end NAME
# so that whatever happens in a later case, this one's result is safe, and the case that was running is known.
if [ "$1" != go ]; then
    exec /bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb /bin/busybox sh /cases/batch.sh go
fi
umask 022
read -r top </cases/top
mkdir -p "$top" /tmp/.result
while read -r name seconds <&9; do
    echo "@start $name"
    mkdir "$top/$name"
    cd "$top/$name"
    timeout -s KILL "$seconds" setsid sh "/cases/$name.sh" \
        <"/cases/$name.in" >/tmp/.result/out 2>/tmp/.result/err 9<&- 
    echo "@status $name $?"
    base64 /tmp/.result/out
    echo "@stderr"
    base64 /tmp/.result/err
    echo "@end $name"
    cd /
    rm -rf "$top/$name" /tmp/.result/out /tmp/.result/err
done 9</cases/list 2>/dev/null
echo "@done"
