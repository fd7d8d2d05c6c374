#!/usr/bin/env bash
# What HTCondor starts for report.sub: report.sh RUN... -o FILE, as for engine report.
set -euo pipefail
if ! command -v "${PYTHON:?is set by settings.sub}" >/dev/null; then
  echo "there is no interpreter $PYTHON on $(uname -n): PYTHON in $(dirname "$0")/settings.sub names it" >&2
  exit 127
fi
exec "$PYTHON" -P -m engine report "$@"
