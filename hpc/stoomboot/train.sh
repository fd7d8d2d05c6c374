#!/usr/bin/env bash
# What HTCondor starts on a node, in one of two ways:
#   train.sh --launch RUN_DIR/launch.json   from engine submit; all else comes with the job
#   train.sh OVERRIDE...                    from train.sub
# It becomes the training, as HTCondor's signals go to this process alone.
set -euo pipefail
if ! command -v "${PYTHON:?is set by settings.sub}" >/dev/null; then
  remedy="PYTHON in $(dirname "$0")/settings.sub names it"
  [ "${1-}" != --launch ] || remedy="the environment has to be where all nodes see it"
  echo "there is no interpreter $PYTHON on $(uname -n): $remedy" >&2
  exit 127
fi

# A job of train.sub may be started again: its directories bear the time and the number of the job,
# so that each start finds the same ones, and goes on there. The time is that of no zone, as nodes may
# be in several. Whether it trains one run or a sweep is said by the overrides, or by an experiment.
own=()
if [ "${1-}" != --launch ] && [ -n "${THESIS_JOB_ID-}" ]; then
  stamp=$(date -u -d "@${THESIS_SUBMITTED:?is set by train.sub}" +%Y%m%d-%H%M%S)
  name="${stamp}_\${file_name:\${hydra.job.name}}_c$THESIS_JOB_ID"
  own=(run.resume=auto
    "hydra.run.dir=\"\${env.output_root}/runs/run_$name\""
    "hydra.sweep.dir=\"\${env.output_root}/multiruns/exp_$name\""
    "hydra.sweep.subdir=\"../../runs/run_${name}_job\${hydra.job.num}\"")
fi
exec "$PYTHON" -P -m engine train ${own[@]+"${own[@]}"} "$@"
