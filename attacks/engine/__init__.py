"""Plans a run, carries it out, and keeps finished work."""
