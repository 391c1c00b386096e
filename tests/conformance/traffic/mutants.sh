#!/bin/sh
# mutants.sh [COUNT [SEED]]: takes lines out of what meshc renders, as a backend would that forgets them, and checks that
# a proof fails. COUNT lines are drawn in each environment; the same SEED draws the same. Without COUNT: all of them,
# which takes most of an hour. Exit as run.sh: 1 when a line is missed by nobody.
exec "$(dirname "$0")/run.sh" -mutants "${1:-100000}" -seed "${2:-1}" mtls retries callers limits gateways pools releases hatches
