"""HTCondor: jobs sent to it, followed, changed; it is asked in a process of its own."""
