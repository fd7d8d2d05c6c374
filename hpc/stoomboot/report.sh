#!/usr/bin/env bash
# What HTCondor starts for report.sub: report.sh RUN... -o FILE, as for engine report.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
exec "$PYTHON" -P -m engine report "$@"
