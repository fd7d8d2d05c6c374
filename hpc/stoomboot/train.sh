#!/usr/bin/env bash
# What HTCondor starts on a node: train.sh --launch RUN_DIR/launch.json
# PYTHON, the interpreter, and all else that the training needs of the environment come with the
# job. It becomes the training, as HTCondor's signals go to this process alone.
set -euo pipefail
exec "${PYTHON:?names the interpreter that trains}" -P -m engine train "$@"
