"""Which model is worth what: trainings of every combination of components, in one table."""
