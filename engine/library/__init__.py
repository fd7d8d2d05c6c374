"""Many runs at once: found, read, summed up, and remembered (standard library only)."""
