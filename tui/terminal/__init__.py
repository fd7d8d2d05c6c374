"""What the terminal can show and is sent: colours, pixels, and no more of either than needed."""
