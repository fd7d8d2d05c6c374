"""thesis-ml's terminal app: reads run directories and starts jobs; never trains.

It talks to a training through files only (`engine.facts`), so it imports neither torch nor any
part of the engine that does.
"""
