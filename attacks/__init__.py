"""What is run: handles, engine, attacks and the command line. Importing this loads no torch."""
