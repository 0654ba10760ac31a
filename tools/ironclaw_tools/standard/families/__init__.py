"""The families of the standard toolbox."""
