"""What is known of a training before it starts: whether it will work, and what it will take."""
