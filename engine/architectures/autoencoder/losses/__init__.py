"""Where a loss is computed: pure functions of tensors, with shapes in their docstrings."""
