"""Where a figure is drawn. Nothing here loads matplotlib before a figure is due."""
