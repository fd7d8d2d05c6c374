"""Models: tensors in, tensors out. They know neither files nor configs (but `base.py`)."""
