"""What a trained model is worth: anomaly scores by class, and errors in physical units.

A loop says its own scores (`Objective.outcome`); everything else is the same for all of them.
"""
