"""What was launched: a list of jobs, with what can be done with each."""
