"""How far off the kit is: published measurements predicted row by row."""
