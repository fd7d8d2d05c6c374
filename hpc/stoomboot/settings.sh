# Where things are on Stoomboot: the one place to edit, for train.sub and report.sub.

# The interpreter of the environment in which thesis-ml is installed, made by venv or by conda. A
# job that names one keeps it, as those of engine submit do.
PYTHON=${PYTHON:-/data/atlas/users/${USER:?is not set}/venvs/thesis-ml/bin/python}
